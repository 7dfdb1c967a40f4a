"""Time of Faster or Mask R-CNN R50-C4 in PyTorch where it looks for objects: pictures that are ready in, detections out.

    python tools/torch/bench_detection.py --size 480 --batch 2 --steps 5 [--mask]

The network of `detection_steps.py` with fresh weights, in evaluation mode and channels_last, under inference_mode: 6000
boxes a picture before non-maximum suppression and 1000 after it, one box a class and region, a score above 0.05, a
threshold of 0.5 class by class, 100 objects a picture; masks of those. Reads the clock before and after each step and
prints one JSON line with their median.
"""
import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from detection_steps import Detector, decode
from torchvision.ops import batched_nms, clip_boxes_to_image, nms, roi_align

STRIDE = 16

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=480)
parser.add_argument("--aspect", type=float, default=4 / 3)
parser.add_argument("--batch", type=int, default=2)
parser.add_argument("--classes", type=int, default=20)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--warmup", type=int, default=2)
parser.add_argument("--before", type=int, default=6000)
parser.add_argument("--after", type=int, default=1000)
parser.add_argument("--mask", action="store_true")
asked = parser.parse_args()
torch.manual_seed(0)

spec = {"extraNorm": True, "classes": asked.classes, "anchors": {"sizes": [32, 64, 128, 256, 512], "ratios": [0.5, 1, 2]}}
if asked.mask:
    spec["mask"] = {"channels": 256}
net = Detector(spec, 50, 1.0).eval().to(memory_format=torch.channels_last)
for layer, deviation in ((net.conv, 0.01), (net.objectness, 0.01), (net.offsets, 0.01), (net.cls, 0.01), (net.reg, 0.001)):
    torch.nn.init.normal_(layer.weight, std=deviation)
    torch.nn.init.zeros_(layer.bias)
torch.nn.init.constant_(net.cls.bias[:1], 1)  # one class is seen in every region: else nothing passes the least score
shapes = [(s * q**-0.5, s * q**0.5) for s in spec["anchors"]["sizes"] for q in spec["anchors"]["ratios"]]
cells = torch.tensor([[-w / 2, -h / 2, w / 2, h / 2] for w, h in shapes])
height, width = asked.size, round(asked.size * asked.aspect)
images = torch.randn(asked.batch, 3, height, width).contiguous(memory_format=torch.channels_last)


def proposals(score, delta, anchors):
    top, order = score.topk(min(asked.before, len(score)))
    boxes = clip_boxes_to_image(decode(anchors[order], delta[order]), (height, width))
    large = (boxes[:, 2:] - boxes[:, :2] > 0).all(1)
    boxes, top = boxes[large], top[large]
    return boxes[nms(boxes, top, 0.7)[: asked.after]]


def found(logits, delta, regions):
    """Boxes, scores and classes of a picture."""
    share = F.softmax(logits, 1)[:, :-1]
    weights = delta.new_tensor([10.0, 10.0, 5.0, 5.0])
    deltas = (delta.view(len(regions), -1, 4) / weights).flatten(0, 1)
    boxes = decode(regions.repeat_interleave(asked.classes, 0), deltas)
    boxes = clip_boxes_to_image(boxes, (height, width)).view(len(regions), -1, 4)
    at, classes = (share > 0.05).nonzero().unbind(1)
    boxes, scores = boxes[at, classes], share[at, classes]
    kept = batched_nms(boxes, scores, classes, 0.5)[:100]
    return boxes[kept], scores[kept], classes[kept]


@torch.inference_mode()
def step():
    features = net.trunk(images)
    hidden = F.relu(net.conv(features))
    score = net.objectness(hidden).permute(0, 2, 3, 1).flatten(1)
    delta = net.offsets(hidden).permute(0, 2, 3, 1).reshape(asked.batch, -1, 4)
    rows, columns = (torch.arange(n) * float(STRIDE) for n in features.shape[2:])
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    anchors = (torch.stack([x, y, x, y], -1).view(-1, 1, 4) + cells).view(-1, 4)
    regions = [proposals(score[i], delta[i], anchors) for i in range(asked.batch)]
    counts = [len(own) for own in regions]

    def head(boxes):
        pooled = roi_align(features, boxes, (14, 14), 1 / STRIDE, 0, True)
        return net.extra(net.res5(pooled.contiguous(memory_format=torch.channels_last)))

    mean = head(regions).mean((2, 3))
    logits, moved = net.cls(mean).split(counts), net.reg(mean).split(counts)
    each = [found(*one) for one in zip(logits, moved, regions)]
    if asked.mask and sum(len(boxes) for boxes, _, _ in each) > 0:
        maps = net.predictor(F.relu(net.deconv(head([boxes for boxes, _, _ in each]))))
        classes = torch.cat([own for _, _, own in each])
        maps[torch.arange(len(maps)), classes].sigmoid()
    return counts, [len(boxes) for boxes, _, _ in each]


times = []
for i in range(asked.warmup + asked.steps):
    begin = time.perf_counter()
    regions, detections = step()
    seconds = time.perf_counter() - begin
    if i >= asked.warmup:
        times.append(seconds)
print(json.dumps({
    "framework": "torch",
    "version": torch.__version__,
    "image": [height, width],
    "batch": asked.batch,
    "regions": sum(regions),
    "detections": sum(detections),
    "threads": torch.get_num_threads(),
    "step_ms": round(1e3 * statistics.median(times), 1),
    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
