/** Names of the sets that can be prepared. */
export const SETS = [
  'voc07',
  'voc',
  'coco',
  'imagenet',
  'imagenet_subset',
  'places205',
  'cifar10',
  'cifar100',
] as const;
export type SetName = (typeof SETS)[number];

/** What is published of a list: how many images, of how many classes. */
export interface KnownCount {
  readonly images: number;
  readonly classes: number;
}

/** docs/reference/benchmarks.md, sections 2.2 and 8. */
export const COUNTS = {
  voc07: { trainval: { images: 5011, classes: 20 }, test: { images: 4952, classes: 20 } },
  imagenet: { train: { images: 1_281_167, classes: 1000 }, val: { images: 50_000, classes: 1000 } },
  imagenet_subset: { 1: 12_811, 10: 128_116 },
  places205: { train: { images: 2_448_873, classes: 205 }, val: { images: 20_500, classes: 205 } },
} as const;

/** What is published of pictures with objects. */
export interface KnownObjects {
  readonly images: number;
  /** Without those that are difficult. */
  readonly objects: number;
}

/** The tables of the VOC challenges (2012: of its lists), and of COCO's files. */
export const OBJECT_COUNTS: Readonly<Record<string, KnownObjects>> = {
  'VOC2007 trainval': { images: 5011, objects: 12_608 },
  'VOC2007 test': { images: 4952, objects: 12_032 },
  'VOC2012 trainval': { images: 11_540, objects: 27_450 },
  'COCO train2017': { images: 118_287, objects: 860_001 },
  'COCO val2017': { images: 5000, objects: 36_781 },
};

/** Ids that COCO's 91 categories have and its instances do not. */
const UNUSED_CATEGORIES = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91];

/** Ids of COCO's 80 categories of instances. */
export const COCO_CATEGORIES: readonly number[] = Array.from(
  { length: 91 },
  (_, i) => i + 1,
).filter((id) => !UNUSED_CATEGORIES.includes(id));

/** MD5 that the publishers give of a file, by its name; torchvision pins the same. */
export const MD5: Readonly<Record<string, string>> = {
  'VOCtrainval_06-Nov-2007.tar': 'c52e279531787c972589f7e41ab4ae64',
  'VOCtest_06-Nov-2007.tar': 'b6e924de25625d8de591ea690078ad9f',
  'VOCtrainval_11-May-2012.tar': '6cd6e144f989b92b3379bac3b3de84fd',
  'ILSVRC2012_img_train.tar': '1d675b47d978889d74fa0da5fadfb00e',
  'ILSVRC2012_img_val.tar': '29b22e2961454d5413ddabcf34fc5622',
  'ILSVRC2012_devkit_t12.tar.gz': 'fa75699e90414af021442c21a62c3abf',
  'cifar-10-binary.tar.gz': 'c32a1d4ab5d03f1284b67883e8d87530',
  'cifar-10-python.tar.gz': 'c58f30108f718f92721af3b95e74349a',
  'cifar-100-binary.tar.gz': '03b5dce01913d631647c71ecec9e9cb8',
  'cifar-100-python.tar.gz': 'eb9058c3a382ffc7106e4002c42a8d85',
};

/** Files inside CIFAR's archives, by folder and name. */
export const CIFAR_MD5: Readonly<Record<string, string>> = {
  'cifar-10-batches-bin/data_batch_1.bin': '5dd7e06a14cb22eb9f671a540d1b7c25',
  'cifar-10-batches-bin/data_batch_2.bin': '5ea93a67294ea407fff1d09f752e9692',
  'cifar-10-batches-bin/test_batch.bin': '803d5f7f4d78ea53de84dbe85f74fb6d',
  'cifar-10-batches-py/data_batch_1': 'c99cafc152244af753f735de768cd75f',
  'cifar-10-batches-py/data_batch_2': 'd4bba439e000b95fd0a9bffe97cbabec',
  'cifar-10-batches-py/data_batch_3': '54ebc095f3ab1f0389bbae665268c751',
  'cifar-10-batches-py/data_batch_4': '634d18415352ddfa80567beed471001a',
  'cifar-10-batches-py/data_batch_5': '482c414d41f54cd18b22e5b47cb7c3cb',
  'cifar-10-batches-py/test_batch': '40351d587109b95175f43aff81a1287e',
  'cifar-10-batches-py/batches.meta': '5ff9c542aee3614f3951f8cda6e48888',
  'cifar-100-python/train': '16019d7e3df5f24257cddd939b257f8d',
  'cifar-100-python/test': 'f0ef6b0ae62326f3e7ffdfab6717acfc',
  'cifar-100-python/meta': '7973b15100ade9c7d40fb424638fde48',
};
