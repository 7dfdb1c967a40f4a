"""Time pycocotools from files of annotations and results to the twelve numbers; one JSON line.

    python tools/torch/bench_coco.py ANNOTATIONS RESULTS --kind boxes
"""
import argparse
import contextlib
import io
import json
import resource
import time
from importlib.metadata import version

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("annotations")
    parser.add_argument("results")
    parser.add_argument("--kind", choices=["boxes", "masks"], required=True)
    options = parser.parse_args()
    begin, before = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(options.annotations)
        judge = COCOeval(known, known.loadRes(options.results), {"boxes": "bbox", "masks": "segm"}[options.kind])
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(dict(version=version("pycocotools"), seconds=seconds, cpu=cpu, memoryMiB=memory, stats=judge.stats.tolist())))


if __name__ == "__main__":
    main()
