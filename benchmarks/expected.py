"""How long training on all of GISLR takes, from clips per second.

    python benchmarks/expected.py [--cores 2] [--device cpu]

Trains each of configs/ for a moment on this machine on synthetic clips, on one core or on a GPU (DEVICE cuda), with features, augmentation and
everything else in it, and counts the clips per second of processor time (of wall clock on a GPU). For CORES cores that is multiplied, as
`--devices CORES DEVICE=cpu` shares each batch: an upper limit. Other machines' speeds are not measured here:

* H100: `benchmarks/fullsize.py`, 2026-11-27, ConvTransformer of 2.0 M weights at batch 512 as it is (17,528 clips/s), and with
  MIXED_PRECISION and COMPILE (64,076). The small model was not measured there; starting its kernels took the ConvTransformer's
  step 26 ms, so a step of 256 clips is taken to last that long.
* T4 (Kaggle): an estimate, by the ratio of the memory's published speeds, 320 and 3,350 GB/s, from the H100's speed in float32
  (23,550 as it is, 63,747 with COMPILE, at batch 2048), since a T4 computes no bfloat16, and the step waits for memory.
"""
import argparse
import tempfile
import time
from pathlib import Path

import torch

from asl_nb.data.synth import make_dataset
from asl_nb.trainer import Trainer, load_run_config

CLIPS,TRAINED = 94_477,.8*.85 # all, and the share that is trained on: four of five folds, without the validation signers
T4 = 320/3350                 # of an H100's memory
ELSEWHERE = { # config -> (machine, clips per second)
    'gislr':[('H100', 17_528), ('H100, MIXED_PRECISION COMPILE', 64_076), ('T4, an estimate', 23_550*T4), ('T4, COMPILE, an estimate', 63_747*T4)],
    'gislr-fast':[('H100, an estimate', 256/.026)]}

def measured(name, device, data, root, seconds=5):
    "Clips per second of training on this machine"
    cfg,overrides = load_run_config(f'configs/{name}.yaml', [f'DEVICE={device}', f'ROOT_PATH={root}'])
    trainer = Trainer(cfg, data, run_dir=Path(root)/name, progress=False, overrides=overrides)
    trainer._begin(10_000) # a cycle that does not end here
    clock = time.process_time if device=='cpu' else time.perf_counter
    epoch = lambda: trainer._run(trainer.train_loader, trainer.model.training_step, train=True)
    epoch() # makes the features
    start,n = clock(),0
    while clock()-start<seconds:
        epoch()
        n += trainer.train_loader.sampler.n
    return n/(clock()-start),cfg.EPOCHS

def main():
    "Measure, and print how long each training takes"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cores', type=int, default=2)
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f'{"":12}{"machine":44}{"clips/s":>10}{"an epoch":>12}{"a training":>14}')
    with tempfile.TemporaryDirectory() as root:
        data = Path(root)/'data'
        make_dataset(data, 5, 20, 6, progress=False)
        for name,others in ELSEWHERE.items():
            here,epochs = measured(name, args.device, data, root)
            rows = [(f'{args.device} here, one core or GPU', here), *others]
            if args.device=='cpu': rows.insert(1, (f'{args.cores} cores like it, at most', here*args.cores))
            for machine,speed in rows:
                epoch = CLIPS*TRAINED/speed
                print(f'{name:12}{machine:44}{speed:10,.0f}{epoch:10.1f} s{epochs*epoch/60:10,.0f} min')

if __name__=='__main__': main()
