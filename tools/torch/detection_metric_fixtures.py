"""Write golden/metrics: COCO's detection numbers of random data by pycocotools.

    python tools/torch/detection_metric_fixtures.py golden/metrics
    python tools/torch/detection_metric_fixtures.py --time 5000   # seconds that pycocotools takes

The second form judges a synthetic set of so many images with 100 detections each, 80 categories, which
it also writes to the folder `detections_5000` for the same measurement of ours.
"""
import contextlib
import io
import json
import pathlib
import sys
import time
from importlib.metadata import version

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from safetensors.numpy import save_file

SIZES = (4, 12, 31.99, 32, 32.01, 60, 95.99, 96, 96.01, 180)


def quietly(run):
    with contextlib.redirect_stdout(io.StringIO()):
        return run()


def evaluated(truth, detections):
    def run():
        known = COCO()
        known.dataset = json.loads(json.dumps(truth))
        known.createIndex()
        if detections:
            found = known.loadRes(json.loads(json.dumps(detections)))
        else:
            found = COCO()
            found.dataset = {**known.dataset, "annotations": []}
            found.createIndex()
        judge = COCOeval(known, found, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        return judge

    return quietly(run)


def box(rng, sizes=SIZES):
    width, height = rng.choice(sizes, 2)
    x, y = rng.uniform(0, 250, 2).round(1)
    return [float(x), float(y), float(width), float(height)]


def near(rng, bbox, jitter):
    """A box like another: moved and stretched by shares of its size; none of it where jitter is 0."""
    x, y, width, height = bbox
    dx, dy, dw, dh = rng.normal(size=4) * jitter
    found = [x + dx * width, y + dy * height, width * np.exp(dw), height * np.exp(dh)]
    return [round(float(value), 2) for value in found]


def drawn(rng, kind):
    """Images with unsorted ids, objects, and detections near them and elsewhere."""
    images = [int(i) for i in rng.permutation(900)[: rng.integers(1, 7)] + 1]
    categories = sorted(int(c) for c in rng.permutation(20)[: rng.integers(1, 4)] + 1)
    rng.shuffle(categories)
    annotations, detections = [], []
    many = kind == "many detections"
    for image in images:
        if kind == "empty images" and rng.random() < 0.5:
            continue
        for _ in range(rng.integers(0, 6)):
            bbox = box(rng, (0, 0, 20, 50) if kind == "degenerate" else SIZES)
            crowd = int(rng.random() < {"crowds": 0.4, "only crowds": 1}.get(kind, 0.05))
            area = round(bbox[2] * bbox[3] * rng.choice([1, 1, 0.6, 0.97]), 4)
            if kind == "area bounds":
                area = float(rng.choice([0, 1024, 9216, 1023.9999, 9216.0001]))
            category = int(rng.choice(categories))
            if kind == "categories without objects" and category == categories[0]:
                continue
            annotations.append(dict(image_id=image, category_id=category, bbox=bbox, area=area, iscrowd=crowd))
            if kind == "twins":
                annotations.append(dict(annotations[-1]))
            for _ in range(rng.integers(0, 3) + (40 if many else 0)):
                jitter = rng.choice([0, 0.03, 0.1, 0.3])
                detections.append(dict(image_id=image, category_id=category, bbox=near(rng, bbox, jitter)))
        for _ in range(rng.integers(0, 4)):
            category = int(rng.choice(categories))
            detections.append(dict(image_id=image, category_id=category, bbox=box(rng)))
    rng.shuffle(detections)
    places = {"ties": 1, "all tied": 0, "many detections": 2}.get(kind, 4)
    for detection in detections:
        detection["score"] = round(float(rng.random()), places)
    for number, annotation in enumerate(annotations):
        annotation["id"] = number + 1
    truth = dict(
        images=[dict(id=i) for i in images],
        categories=[dict(id=c) for c in categories],
        annotations=annotations,
    )
    return truth, [] if kind == "no detections" else detections


def threshold():
    """Overlaps of exactly 0.5, 0.75 and 1, and a size of 0."""
    truth = dict(
        images=[dict(id=3), dict(id=1)],
        categories=[dict(id=7)],
        annotations=[
            dict(id=i + 1, image_id=image, category_id=7, bbox=bbox, area=bbox[2] * bbox[3], iscrowd=0)
            for i, (image, bbox) in enumerate([
                (3, [0, 0, 100, 100]), (3, [300, 0, 100, 100]), (1, [0, 0, 40, 40]), (1, [0, 0, 40, 40]), (1, [60, 60, 0, 5]),
            ])
        ],
    )
    boxes = [
        (3, [0, 0, 100, 50], 0.9), (3, [300, 0, 75, 100], 0.8), (1, [0, 0, 40, 40], 0.9), (1, [0, 0, 40, 40], 0.9), (1, [60, 60, 0, 5], 0.7),
    ]
    return truth, [dict(image_id=i, category_id=7, bbox=b, score=s) for i, b, s in boxes]


KINDS = (
    "plain", "ties", "all tied", "crowds", "only crowds", "empty images", "no detections",
    "categories without objects", "many detections", "degenerate", "area bounds", "twins",
)


def write(folder, each=4):
    rng = np.random.default_rng(0)
    cases, tensors = [], {}
    made = [("threshold", threshold())]
    for kind in KINDS:
        made += [(kind, drawn(rng, kind)) for _ in range(2 if kind == "many detections" else each)]
    for number, (kind, (truth, detections)) in enumerate(made):
        judge = evaluated(truth, detections)
        name = f"{number} {kind}"
        cases.append(dict(name=name, annotations=truth, detections=detections))
        tensors[f"{name}.stats"] = judge.stats
        tensors[f"{name}.recall"] = np.ascontiguousarray(judge.eval["recall"])
        tensors[f"{name}.precision"] = np.ascontiguousarray(judge.eval["precision"].mean(1))
    with open(folder / "coco_cases.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
    save_file(tensors, folder / "coco_cases.safetensors", {"made": f"pycocotools {version('pycocotools')}"})


def measured(count):
    rng = np.random.default_rng(1)
    annotations, detections = [], []
    for image in range(1, count + 1):
        for _ in range(7):
            bbox = box(rng, (20, 40, 80, 160))
            known = dict(id=len(annotations) + 1, image_id=image, category_id=int(rng.integers(1, 81)), bbox=bbox, area=bbox[2] * bbox[3], iscrowd=int(rng.random() < 0.02))
            annotations.append(known)
            for _ in range(6):
                detections.append(dict(image_id=image, category_id=known["category_id"], bbox=near(rng, bbox, 0.15), score=float(rng.random())))
        for _ in range(58):
            detections.append(dict(image_id=image, category_id=int(rng.integers(1, 81)), bbox=box(rng), score=float(rng.random())))
    truth = dict(images=[dict(id=i + 1) for i in range(count)], categories=[dict(id=c + 1) for c in range(80)], annotations=annotations)
    folder = pathlib.Path(f"detections_{count}")
    folder.mkdir(exist_ok=True)
    (folder / "annotations.json").write_text(json.dumps(truth))
    (folder / "detections.json").write_text(json.dumps(detections))
    start = time.perf_counter()
    judge = evaluated(truth, detections)
    print(json.dumps(dict(seconds=time.perf_counter() - start, stats=list(judge.stats))))


if __name__ == "__main__":
    if sys.argv[1] == "--time":
        measured(int(sys.argv[2]))
    else:
        target = pathlib.Path(sys.argv[1])
        target.mkdir(parents=True, exist_ok=True)
        write(target)
