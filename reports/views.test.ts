import { expect, it } from 'vitest';
import { showSample } from '../harness/data/images/sheet.ts';
import { openGenerated } from '../harness/data/sources/generated.ts';
import { viewSpec } from '../harness/data/spec.ts';
import { viewsPage } from './views.ts';

const spec = {
  kind: 'generated',
  classes: 3,
  count: 4,
  size: 16,
  seed: 0,
  split: 'train',
} as const;

it('the page of views shows each picture with what was drawn for it, as text', async () => {
  const pipelines = [
    viewSpec.parse([{ kind: 'flip', p: 1 }]),
    viewSpec.parse([{ kind: 'blur', p: 1 }]),
  ];
  const sample = await showSample(openGenerated(spec), 2, [7], { seed: 0, pipelines, size: 16 });
  const shown = { ...sample, name: '<b>&"' };
  const pictures = new Map([[sample.picture, 'data:whole']]);
  const page = viewsPage('views', [shown], (picture) => pictures.get(picture) ?? 'data:view');
  expect(page).toContain('image 2 · &#60;b&#62;&#38;&#34; · ');
  expect(page).toContain('<img src="data:whole" alt=""');
  expect(page.match(/<img src="data:view"/g)).toHaveLength(2);
  expect(page).toContain('epoch 7, view 0: flip');
  expect(page).toMatch(/epoch 7, view 1: blur [\d.]+</);
});
