import cliProgress from 'cli-progress';

/** Where progress is shown; `process.stderr` is one. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** Progress of one download or unpacking. */
export interface Transfer {
  update(bytes: number): void;
  close(): void;
}

const PARTS = 4;

/** A bar on a terminal, a line at each quarter elsewhere. */
export function showTransfer(terminal: Terminal, title: string, bytes: number): Transfer {
  return isStream(terminal) ? bar(terminal, title, bytes) : lines(terminal, title, bytes);
}

/** Bytes as people read them: 274 MB, 1.2 GB. */
export function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function bar(stream: NodeJS.WritableStream, title: string, bytes: number): Transfer {
  const shown = new cliProgress.SingleBar(
    {
      format: `${title} {bar} {percentage}% of ${megabytes(bytes)}  ETA {eta_formatted}`,
      stream,
      barsize: 24,
      fps: 5,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  shown.start(bytes, 0);
  return { update: (done) => shown.update(Math.min(done, bytes)), close: () => shown.stop() };
}

function lines(terminal: Terminal, title: string, bytes: number): Transfer {
  let shown = 0;
  const update = (done: number) => {
    const part = Math.floor((PARTS * Math.min(done, bytes)) / bytes);
    if (part > shown) terminal.write(`${title}: ${(100 * part) / PARTS}% of ${megabytes(bytes)}\n`);
    shown = Math.max(shown, part);
  };
  return { update, close: () => {} };
}

function isStream(terminal: Terminal): terminal is Terminal & NodeJS.WritableStream {
  return terminal.isTTY === true && 'on' in terminal;
}
