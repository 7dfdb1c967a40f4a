import cliProgress from 'cli-progress';
import pc from 'picocolors';
import { duration } from './log_format.ts';

/** Where progress is shown; `process.stderr` is one. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** What a bar shows of the moment. */
export interface Moment {
  readonly epoch: number;
  readonly iter: number;
  readonly loss: number | undefined;
  readonly imagesPerSecond: number;
  /** Part of the time spent waiting for data, 0 to 1. */
  readonly dataShare: number;
  readonly etaSeconds: number;
}

/** Progress of a run: a bar on a terminal, the log's own lines elsewhere. */
export interface Progress {
  update(moment: Moment): void;
  /** A line of the log; lines that a bar makes needless are left out on a terminal. */
  line(text: string, shownByBar?: boolean): void;
  close(): void;
}

const FORMAT =
  `${pc.bold('epoch {epoch}/{epochs}')} ${pc.cyan('{bar}')} {value}/{total}` +
  '  {loss}{speed} images/s  data {data}%  ETA {remaining}';

/**
 * @param epochs of the whole run.
 * @param steps of an epoch.
 */
export function showProgress(terminal: Terminal, epochs: number, steps: number): Progress {
  if (terminal.isTTY !== true || !isStream(terminal)) {
    return {
      update: () => {},
      line: (text) => terminal.write(`${text.replaceAll('\t', ' ')}\n`),
      close: () => {},
    };
  }
  const bar = new cliProgress.SingleBar(
    { format: FORMAT, stream: inPlace(terminal), barsize: 24, fps: 5, hideCursor: true },
    cliProgress.Presets.shades_classic,
  );
  let running = false;
  return {
    update: (moment) => {
      const payload = payloadOf(moment, epochs);
      if (!running) bar.start(steps, moment.iter, payload);
      running = true;
      bar.update(moment.iter, payload);
    },
    line: (text, shownByBar = false) => {
      if (!shownByBar) terminal.write(`\r\u001b[K${text.replaceAll('\t', ' ')}\n`);
    },
    close: () => {
      if (running) bar.stop();
    },
  };
}

const SAVE_CURSOR = '\u001b7';
const RESTORE_CURSOR = '\u001b8';

// The bar goes back to where it began when it stops; messages have scrolled that place away by then.
function inPlace(terminal: Terminal & NodeJS.WritableStream): NodeJS.WritableStream {
  return new Proxy(terminal, {
    get: (target, key) => {
      if (key === 'write')
        return (text: string) =>
          text === SAVE_CURSOR || text === RESTORE_CURSOR ? true : target.write(text);
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function payloadOf(moment: Moment, epochs: number) {
  return {
    epoch: moment.epoch,
    epochs,
    loss: moment.loss === undefined ? '' : `loss ${moment.loss.toFixed(4)}  `,
    speed: moment.imagesPerSecond.toFixed(moment.imagesPerSecond < 100 ? 1 : 0),
    data: Math.round(100 * moment.dataShare),
    remaining: duration(moment.etaSeconds),
  };
}

function isStream(terminal: Terminal): terminal is Terminal & NodeJS.WritableStream {
  return 'on' in terminal;
}
