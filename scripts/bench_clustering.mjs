import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Time k-means against scikit-learn and faiss; writes reports/clustering_speed.{json,md}.',
    ends: 'tidies',
    options: {
      python: {
        kind: 'text',
        value: 'FILE',
        help: 'Python with the libraries',
        default: 'python3',
      },
      against: {
        kind: 'list',
        value: 'NAME',
        help: 'sklearn, faiss; may be repeated (default: sklearn)',
      },
      count: { kind: 'int', help: 'points', default: 100000, min: 1 },
      width: { kind: 'int', help: 'numbers of a point', default: 256, min: 1 },
      clusters: { kind: 'int', help: 'clusters', default: 1000, min: 1 },
      iterations: { kind: 'int', help: 'moves of the centroids', default: 20, min: 1 },
      rounds: { kind: 'int', help: 'runs of each side', default: 3, min: 1 },
      ...reportOptions,
      side: { kind: 'text', value: 'DIR', help: 'only time our side on the points of DIR' },
    },
    examples: ['--python ~/torch/bin/python --against sklearn --against faiss'],
  },
  async ({ options, print }) => {
    if (options.side !== undefined) {
      const { clusteringFiles, ourClustering } = await load('tools/speed/clustering.ts');
      return print(await ourClustering(clusteringFiles(options.side), options));
    }
    const { clusteringAgainst } = await load('tools/speed/clustering_against.ts');
    const { summariseClustering } = await load('reports/clustering_speed.ts');
    const { report, page } = await clusteringAgainst(options);
    print({ sides: summariseClustering(report) }, page);
  },
);
