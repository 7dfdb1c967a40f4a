import { markdownTable } from 'markdown-table';

/** A part of a page that is written as markdown and as HTML. */
export type Block =
  | { readonly kind: 'heading'; readonly level: 2 | 3 | 4; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'picture'; readonly file: string; readonly title: string }
  | {
      readonly kind: 'table';
      readonly head: readonly string[];
      readonly rows: readonly (readonly string[])[];
      /** Columns of numbers, which stand to the right. */
      readonly right?: readonly number[];
    };

/** As markdown, each part with an empty line behind it. */
export function markdownOf(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block) => [blockMarkdown(block), '']);
}

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${block.text}`;
    case 'text':
      return block.text;
    case 'picture':
      return `![${block.title}](${block.file})`;
    case 'table': {
      const { head, rows, right = [] } = block;
      const align = head.map((_, i) => (right.includes(i) ? 'r' : 'l'));
      return markdownTable([head, ...rows], { align });
    }
  }
}

/** As HTML, a line each. Texts are markdown. */
export function htmlOf(blocks: readonly Block[]): string[] {
  return blocks.flatMap(blockHtml);
}

function blockHtml(block: Block): string[] {
  switch (block.kind) {
    case 'heading':
      return [`<h${block.level}>${prose(block.text)}</h${block.level}>`];
    case 'text':
      return [`<p>${prose(block.text)}</p>`];
    case 'picture':
      return [`<img src="${escaped(block.file)}" alt="${escaped(block.title)}">`];
    case 'table':
      return [
        '<table>',
        `<tr>${block.head.map((cell) => `<th>${prose(cell)}</th>`).join('')}</tr>`,
        ...block.rows.map(
          (row) => `<tr>${row.map((cell) => `<td>${prose(cell)}</td>`).join('')}</tr>`,
        ),
        '</table>',
      ];
  }
}

/** Text for HTML, with what markdown marks as code, strong or a link. */
export function prose(text: string): string {
  return escaped(text)
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, '<a href="$2">$1</a>');
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
