"""Write golden/metrics/coco_subset.*: pycocotools' numbers of made detections on the subset of COCO.

    python tools/torch/detection_subset_fixtures.py ../shared/data/coco golden/metrics

The detections are the annotated objects, moved and worn, with wrong ones among them; they are written with
their ids, so that ours are read from the same file.
"""
import json
import pathlib
import sys
from importlib.metadata import version

import numpy as np
from detection_metric_fixtures import COCO, COCOeval, quietly
from pycocotools import mask
from safetensors.numpy import save_file


def judged(known, found, kind):
    results = [{k: v for k, v in one.items() if kind == "bbox" or k != "bbox"} for one in found]
    judge = COCOeval(known, known.loadRes(json.loads(json.dumps(results))), kind)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return judge


def main(data, folder):
    rng = np.random.default_rng(0)
    known = quietly(lambda: COCO(str(data / "annotations" / "instances_val2017.json")))
    categories = sorted(known.cats)
    found = []
    for annotation in known.dataset["annotations"]:
        size = known.imgs[annotation["image_id"]]
        height, width = size["height"], size["width"]
        bitmap = known.annToMask(annotation)
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            shift = [int(n) for n in rng.integers(-3, 4, 2)] if rng.random() < 0.7 else [0, 0]
            moved = mask.encode(np.asfortranarray(np.roll(bitmap, shift, (0, 1))))
            x, y, w, h = annotation["bbox"]
            corners = np.float32([x + shift[1], y + shift[0], x + w + shift[1], y + h + shift[0]])
            extent = [float(corners[0]), float(corners[1]), float(corners[2] - corners[0]), float(corners[3] - corners[1])]
            category = annotation["category_id"] if rng.random() < 0.85 else int(rng.choice(categories))
            found.append(dict(
                image_id=annotation["image_id"], category_id=category, bbox=extent, score=float(np.float32(round(float(rng.random()), 3))),
                segmentation=dict(size=[height, width], counts=moved["counts"].decode()),
            ))
    order = rng.permutation(len(found))
    found = [found[i] for i in order][:500]
    tensors = {}
    for kind in ("bbox", "segm"):
        judge = quietly(lambda: judged(known, found, kind))
        tensors[f"{kind}.stats"] = judge.stats
        tensors[f"{kind}.recall"] = np.ascontiguousarray(judge.eval["recall"])
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in found)
    (folder / "coco_subset.json").write_text(f"[\n{lines}\n]\n")
    save_file(tensors, folder / "coco_subset.safetensors", {"made": f"pycocotools {version('pycocotools')}"})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
