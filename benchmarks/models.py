"""Size and speed of all models, relative to TransformerPredictor in the same run.

    python benchmarks/models.py [--models '*'] [--batch 32] [--rounds 5] [--threads 1] [--device cpu] [--compile]
                                [--check]

Each model is as its documented configuration says, with 250 signs and clips of 32 frames.

* Clip: recognising one clip (batch of one), in milliseconds, and as a ratio.
* Forward and training: clips a second in batches, with the loader left out, as ratios. Training is forward, backward
  and the optimizer's step.
* `--compile` adds the forward pass after `torch.compile` (inductor, needs a C++ compiler), relative to the same model
  without it. The time to compile is not counted.

The models take turns in each round, so that a slow moment of the machine falls on all; a timing is the best of its
rounds.
`--check` runs everything once, small.
"""
import argparse
import time

import pandas as pd
import torch

from asl_nb.models.core import create_model, list_models, pick_device

BASELINE = 'TransformerPredictor'

def example(n, device):
    "A batch of random clips"
    return (torch.randn(n, 32, 96, 2, device=device), torch.ones(n, 32, dtype=torch.bool, device=device),
            torch.arange(n, device=device)%250)

def infer(model, batch):
    "One forward pass in evaluation mode"
    model.eval()
    with torch.inference_mode(): return model(*batch[:2])

def train(model, batch):
    "One training step"
    model.train_mode()
    model.training_step(batch)
    model.optimize()

def timed(fn, device):
    "Seconds of a call"
    start = time.perf_counter()
    fn()
    if device.type=='cuda': torch.cuda.synchronize()
    return time.perf_counter()-start

def measure(models, fn, rounds, device):
    "The least seconds of a function of each model, the models taking turns"
    for m in models.values(): fn(m)
    times = [{n:timed(lambda: fn(m), device) for n,m in models.items()} for _ in range(rounds)]
    return pd.DataFrame(times).min()

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', default='*', help='names, with * and ?')
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args()
    if args.check: args.batch,args.rounds = 2,1
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    device = pick_device(args.device)
    models = {n:create_model(n).to(device) for n in dict.fromkeys([BASELINE, *list_models(args.models)])}
    one,many = example(1, device),example(args.batch, device)
    clip = measure(models, lambda m: infer(m, one), 4*args.rounds, device)
    ahead = measure(models, lambda m: infer(m, many), args.rounds, device)
    fit = measure(models, lambda m: train(m, many), args.rounds, device)
    table = pd.DataFrame({
        'parameters':{n:f'{sum(p.numel() for p in m.parameters()):,}' for n,m in models.items()},
        'clip, ms':(1e3*clip).round(2), 'clip, times the baseline':(clip/clip[BASELINE]).round(2),
        'forward, speed':(ahead[BASELINE]/ahead).round(3), 'training, speed':(fit[BASELINE]/fit).round(3)})
    if args.compile:
        compiled = {n:torch.compile(m) for n,m in models.items()}
        faster = ahead/measure(compiled, lambda m: infer(m, many), args.rounds, device)
        table['compiled forward, speed'] = faster.round(2)
    print(f'{device}, {args.threads} threads, batches of {args.batch}; '
          f'{BASELINE}: {args.batch/ahead[BASELINE]:.0f} clips/s forward, {args.batch/fit[BASELINE]:.0f} clips/s in training')
    print(table.sort_values('clip, ms').to_string())

if __name__=='__main__': main()
