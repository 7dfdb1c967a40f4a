import { changesText, type ShownSample } from '../harness/data/images/sheet.ts';

/** A page that shows samples with their views, and below each view how it was made. */
export function viewsPage(
  title: string,
  samples: readonly ShownSample[],
  /** An image as a `data:` address. */
  address: (picture: ShownSample['picture']) => string,
): string {
  const rows = samples.map(({ index, name, label, picture, views }) => {
    const what = [`image ${index}`, name, ...(label === undefined ? [] : [label])];
    const cells = views.map(
      (one) =>
        `<figure>${picture224(address(one.picture))}<figcaption>epoch ${one.epoch}, view ${one.view}: ${escaped(changesText(one.changes))}</figcaption></figure>`,
    );
    const whole = `<figure>${picture224(address(picture))}<figcaption>${escaped(what.join(' · '))}, ${picture.width} x ${picture.height}</figcaption></figure>`;
    return `<section>${whole}${cells.join('')}</section>`;
  });
  return `<!doctype html>
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>
body { font: 13px/1.4 system-ui, sans-serif; margin: 16px; color: #222; background: #fff }
section { display: flex; gap: 12px; overflow-x: auto; margin-bottom: 20px }
figure { margin: 0; flex: 0 0 224px }
img { width: 224px; height: 224px; object-fit: contain; background: #eee; image-rendering: pixelated }
</style>
<h1>${escaped(title)}</h1>
${rows.join('\n')}
`;
}

function picture224(source: string): string {
  return `<img src="${source}" alt="">`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
