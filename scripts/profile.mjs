import { command } from './cli.mjs';
import { load } from './load.mjs';
import { experimentOf, generated, learnerOf, shapeOptions } from './perf_step.mjs';

await command(
  import.meta.url,
  {
    summary: 'Where the time of a training step goes: by op, or with --nodes by node and line.',
    options: {
      ...shapeOptions,
      warmup: { kind: 'int', help: 'steps before', default: 2, min: 0 },
      steps: { kind: 'int', help: 'steps that are averaged', default: 3, min: 1 },
      nodes: { kind: 'int', help: 'list this many nodes instead', default: 0, min: 0 },
      type: { kind: 'text', value: 'OP', help: 'only nodes of this type' },
    },
    examples: ['--depth 18 --size 32 --batch 64', '--nodes 30 --type Conv2D'],
  },
  async ({ options, print }) => {
    const { startEngine } = await load('harness/engine/index.ts');
    await startEngine();
    const experiment = await experimentOf(options);
    const learner = await learnerOf(experiment, options);
    try {
      const steps = await profiled(learner, experiment, options);
      const times = steps.flatMap(({ times: of }) => of);
      const span = steps.reduce((sum, { span: of }) => sum + of, 0) / steps.length;
      const scale = 1e-3 / steps.length;
      const total = times.reduce((sum, { duration }) => sum + duration, 0) * scale;
      print(
        { span_ms: span, kernels_ms: total },
        `step ${span.toFixed(1)} ms, kernels ${total.toFixed(1)} ms in all`,
      );
      const rows = options.nodes > 0 ? byNode(times, options) : byType(times);
      for (const { name, duration, count, where } of rows) {
        const ms = duration * scale;
        print(
          { name, ms, count: count / steps.length, where },
          `${ms.toFixed(2).padStart(9)} ms ${((100 * ms) / total).toFixed(1).padStart(5)} % ` +
            `${String(Math.round(count / steps.length)).padStart(5)} x ${name} ${where ?? ''}`,
        );
      }
    } finally {
      learner.dispose();
    }
  },
);

async function profiled({ program, definition }, experiment, { warmup, steps }) {
  const { at } = await load('harness/engine/graph/origin.ts');
  const { stepFeeds } = await load('harness/step/step_inputs.ts');
  const batches = generated(experiment, definition.method);
  const scalars = definition.method.scalars({ step: 0, steps: 1 });
  const result = [];
  for (let step = 0; step < warmup + steps; step++) {
    const { value } = await batches.next();
    const times = await program.profile('step', stepFeeds(value, { rate: 1e-3, scalars }));
    if (step < warmup) continue;
    const end = Math.max(...times.map(({ start, duration }) => start + duration));
    result.push({ span: end * 1e-3, times: times.map((time) => described(time)) });
  }
  return result;

  function described(time) {
    const name = time.node.replace(/:.*$/, '');
    const node = program.graph.find(name);
    return {
      ...time,
      type: node?.type ?? name.replace(/.*\/|[-_.]?\d+$/g, ''),
      where: node && at(node.origin),
    };
  }
}

function byType(times) {
  return summed(times, ({ type }) => type);
}

function byNode(times, { nodes, type }) {
  const wanted = type === undefined ? times : times.filter((time) => time.type === type);
  return summed(wanted, ({ node, type: of }) => `${of} ${node}`).slice(0, nodes);
}

function summed(times, nameOf) {
  const sums = new Map();
  for (const time of times) {
    const name = nameOf(time);
    const sum = sums.get(name) ?? { name, duration: 0, count: 0, where: undefined };
    sums.set(name, {
      ...sum,
      duration: sum.duration + time.duration,
      count: sum.count + 1,
      where: sum.where ?? (nameOf(time) === time.type ? undefined : time.where),
    });
  }
  return [...sums.values()].sort((a, b) => b.duration - a.duration);
}
