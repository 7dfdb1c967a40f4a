import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** The look of every chart: text stays text, in whatever sans-serif font the reader has. */
const LOOK = {
  font: 'sans-serif',
  view: { stroke: null },
  legend: { labelLimit: 240, symbolOpacity: 1 },
};

/**
 * A chart as SVG. Equal specs give equal bytes: there are no dates in it and no identifiers that count.
 * @param spec of vega-lite, without schema, background and fonts
 */
export async function chartSvg(spec: object): Promise<string> {
  const whole = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    ...spec,
    config: LOOK,
  } as TopLevelSpec;
  const view = new View(parse(compile(whole).spec), { renderer: 'none' });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
