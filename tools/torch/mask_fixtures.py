"""Write golden/metrics/mask_*: masks as run lengths, and COCO's numbers of masks, by pycocotools.

    python tools/torch/mask_fixtures.py golden/metrics
"""
import json
import pathlib
import sys
from importlib.metadata import version

import numpy as np
from detection_metric_fixtures import COCO, COCOeval, quietly
from pycocotools import mask
from safetensors.numpy import save_file


def ring(rng, height, width, corners):
    """A polygon, often with corners outside, doubled, or on half pixels."""
    centre = rng.uniform((0, 0), (width, height))
    radius = rng.uniform(1, max(height, width) / 2)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    points = centre + radius * rng.uniform(0.4, 1, (corners, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1)
    points = points.round(int(rng.integers(0, 3)))
    if rng.random() < 0.7:
        points = points.clip((0, 0), (width, height))
    if rng.random() < 0.2:
        points[1] = points[0]
    if rng.random() < 0.2:
        points = np.floor(points) + 0.5
    return [float(x) for x in points.reshape(-1)]


def text(rle):
    return rle["counts"].decode()


def outlines(rng, count):
    made = []
    for _ in range(count):
        height, width = (int(n) for n in rng.integers(1, 41, 2))
        if rng.random() < 0.1:
            height, width = 300, 260
        polygons = [ring(rng, height, width, int(rng.integers(3, 9))) for _ in range(rng.integers(1, 4))]
        each = mask.frPyObjects(polygons, height, width)
        whole = mask.merge(each)
        made.append(dict(
            height=height, width=width, polygons=polygons, each=[text(r) for r in each], merged=text(whole),
            common=text(mask.merge(each, intersect=True)), area=int(mask.area(whole)), extent=mask.toBbox(whole).tolist(),
            bits=np.packbits(mask.decode(whole).reshape(-1)).tolist(),
            overlaps=mask.iou(each, [whole, each[0]], [0, 1]).tolist(),
        ))
    return made


def scene(rng, crowded):
    """Images with objects as polygons and run lengths, and detections near them."""
    height, width = 60, 80
    images = [dict(id=int(i), height=height, width=width) for i in rng.permutation(90)[:4] + 1]
    annotations, detections = [], []
    for image in images:
        for _ in range(rng.integers(0, 5)):
            category = int(rng.choice([3, 8, 1]))
            polygons = [ring(rng, height, width, 6) for _ in range(rng.integers(1, 3))]
            whole = mask.merge(mask.frPyObjects(polygons, height, width))
            crowd = int(rng.random() < (0.4 if crowded else 0.05))
            bitmap = mask.decode(whole)
            if crowd:
                flat = bitmap.reshape(-1, order="F")
                edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [flat[-1] ^ 1]])))
                counts = np.diff(np.concatenate([[0], edges])).tolist()
                known = dict(size=[height, width], counts=[int(c) for c in counts])
                assert sum(known["counts"]) == height * width
            elif rng.random() < 0.3:
                known = dict(size=[height, width], counts=text(whole))
            else:
                known = polygons
            annotations.append(dict(
                id=len(annotations) + 1, image_id=image["id"], category_id=category, iscrowd=crowd,
                bbox=mask.toBbox(whole).tolist(), area=float(mask.area(whole)), segmentation=known,
            ))
            for _ in range(rng.integers(0, 4)):
                shift = rng.integers(-4, 5, 2) if rng.random() < 0.8 else (0, 0)
                moved = np.roll(bitmap, shift, (0, 1))
                found = mask.encode(np.asfortranarray(moved))
                detections.append(dict(
                    image_id=image["id"], category_id=category, score=round(float(rng.random()), 2),
                    segmentation=dict(size=[height, width], counts=text(found)),
                ))
    rng.shuffle(detections)
    return dict(images=images, categories=[dict(id=8), dict(id=1), dict(id=3)], annotations=annotations), detections


def judged(truth, detections):
    def run():
        known = COCO()
        known.dataset = json.loads(json.dumps(truth))
        known.createIndex()
        judge = COCOeval(known, known.loadRes(json.loads(json.dumps(detections))), "segm")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        return judge

    return quietly(run)


def main(folder):
    rng = np.random.default_rng(0)
    cases, tensors = [], {}
    for number in range(12):
        truth, detections = scene(rng, number % 3 == 0)
        judge = judged(truth, detections)
        cases.append(dict(name=f"{number}", annotations=truth, detections=detections))
        tensors[f"{number}.stats"] = judge.stats
        tensors[f"{number}.recall"] = np.ascontiguousarray(judge.eval["recall"])
    content = dict(outlines=outlines(rng, 60), cases=cases)
    with open(folder / "mask_cases.json", "w") as file:
        file.write(json.dumps(content, separators=(",", ":")).replace('{"height"', '\n{"height"').replace('{"name"', '\n{"name"') + "\n")
    save_file(tensors, folder / "mask_cases.safetensors", {"made": f"pycocotools {version('pycocotools')}"})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
