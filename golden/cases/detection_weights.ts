import { z } from 'zod';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { detectorName, resnetNameInDetector } from '../../harness/weights/detector_file.ts';
import { detectronName } from '../../harness/weights/detectron.ts';
import { matchNames } from '../../harness/weights/match_names.ts';

const Names = z.record(z.string(), z.string());
const ShapesByName = z.record(z.string(), z.array(z.int()));

/** Names from a ResNet to a file for detectron2 and on to its detector, which takes some of them. */
export const weightsCase: ParityCase = {
  methods: ['names of weights'],
  run: async (fixture, comparisons) => {
    const toFile = fixture.field('source_to_file', Names);
    const toModel = fixture.field('file_to_model', Names);
    const sources = Object.keys(toFile);
    const written = Object.fromEntries(sources.map((name) => [name, detectronName(name)]));
    comparisons.same('source to file', written, toFile);
    const loaded = sources.filter((name) => toModel[toFile[name] ?? ''] !== undefined);
    const named = Object.fromEntries(loaded.map((name) => [toFile[name], detectorName(name)]));
    comparisons.same('source to model', named, toModel);
    const back = loaded.map((name) => resnetNameInDetector(toModel[toFile[name] ?? ''] ?? ''));
    comparisons.same('model to source', back, loaded);
    const model = new Map(Object.entries(fixture.field('state_dict.voc', ShapesByName)));
    const file = new Map(
      Object.values(toFile).map((name) => [name, model.get(toModel[name] ?? '') ?? []]),
    );
    const { matched, misfits, unused, missing } = matchNames(file, model);
    const taken = Object.fromEntries([...matched].map(([own, name]) => [name, own]));
    comparisons.same('file to model', taken, toModel);
    comparisons.same('misfits', misfits, []);
    comparisons.same('not loaded', unused, fixture.field('not_loaded', z.array(z.string())));
    const left = fixture.field('left_as_initialised', z.array(z.string()));
    comparisons.same('left as initialised', missing, left);
  },
};
