import type { SizedInputs } from '../data/loader/batch.ts';
import type { NetworkPicture, TrainingPicture } from '../data/objects/object_pictures.ts';
import type { ObjectImage, SeenObject } from '../data/objects/objects.ts';
import type { InputSpec, Program, SizeSpecs } from '../engine/program.ts';
import type { Rle } from '../metrics/rle.ts';
import type { Backbone } from './model.ts';

/** What decides the shapes of pictures and of what is said of them. */
export interface PictureShape {
  /** Pictures of one replica in a step. */
  readonly batch: number;
  /** Longest side that one of them may have, pixels. */
  readonly size: number;
  /** Objects of a picture, at most. */
  readonly most: number;
}

/** What else the host needs to make a step's inputs. */
export interface FeedSetup extends PictureShape {
  readonly seed: number;
  /** Of pixels in 0..1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What a replica's step takes, and its free sizes, whose names begin with the prefix of the replica. */
export interface ObjectInputs {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly sizes: SizeSpecs;
}

/** A method that looks for objects in pictures. */
export interface ObjectMethod<Spec> {
  /** What the step of one replica takes in place of views, by name: `Step.input`. */
  inputs(spec: Spec, shape: PictureShape, prefix: string): ObjectInputs;
  /** Makes them. What it draws for a picture is keyed by the seed and the picture's place in the order. */
  feed(spec: Spec, setup: FeedSetup, pictures: readonly TrainingPicture[]): SizedInputs;
  /** What finds objects once it is trained. */
  finder(spec: Spec, backbone: Backbone, shape: Omit<FeedSetup, 'seed' | 'most'>): ObjectFinder;
}

/** The same with its spec filled in. */
export interface BoundObjects {
  inputs(shape: PictureShape, prefix: string): ObjectInputs;
  feed(setup: FeedSetup, pictures: readonly TrainingPicture[]): SizedInputs;
  finder(backbone: Backbone, shape: Omit<FeedSetup, 'seed' | 'most'>): ObjectFinder;
}

/** Looks for objects by the entries of a program that has the model's networks as state. */
export interface ObjectFinder {
  /** Adds its entries. */
  define(program: Program): void;
  /** @param pictures as many as were said, or fewer */
  find(
    program: Program,
    pictures: readonly (NetworkPicture & { readonly image: ObjectImage })[],
  ): Promise<readonly (readonly FoundObject[])[]>;
}

/** An object that a detector claims to see, in the pixels of the original picture. */
export interface FoundObject {
  /** From 0. */
  readonly class: number;
  readonly box: SeenObject['box'];
  readonly score: number;
  readonly mask?: Rle;
}
