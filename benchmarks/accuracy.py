"""How well each model recognizes signs of signers it has not seen, all with the same time to train.

    python benchmarks/accuracy.py --data FOLDER [--budget 90] [--models NAME ...] [--threads 1] [--out out/accuracy]
                                  [KEY=value ...]
    python benchmarks/accuracy.py --check [--models NAME ...]

The clips are divided into folds by signer. Each signer is tested once, by a model that never saw them, and the epoch is
chosen on validation signers of the fold. BUDGET is the time of a fold's training with its validation: wall-clock time on
a GPU, processor time on a CPU, so that other load does not matter. Training ends with the last epoch that should end in
time, after at least one; early stopping may end it before. Each model has its shipped configuration and its recipe, except
CVTransferLearningModel, which has a small backbone. HandModel's one cycle needs a fixed number of epochs, so it ends early
if its epochs fit into the time, and with the average of an unfinished cycle if not. KEY=value are settings, e.g. SOURCE=webcam N_FOLDS=5 SEED=1, or
DL_FRAMEWORK=tensorflow for the Keras models (extra `tf`).

A finished fold is kept in OUT and not trained again, so a run that was killed can be resumed. Give MODELS to divide the
work between processes. The table has all models that are complete. OUT/MODEL has the report over all signers, as
`asl evaluate --report` writes it.
"""
import argparse
import json
import tempfile
import time
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
from models import limit_threads

from asl_nb.config import parse_overrides
from asl_nb.utils import atomic_path
from asl_nb.data.store import open_store
from asl_nb.data.synth import make_dataset
from asl_nb.metrics import Report
from asl_nb.models.core import pick_device
from asl_nb.models.registry import list_models, recipe_config
from asl_nb.trainer import Trainer, fold_dir

BACKBONES = dict(pytorch='resnet18', tensorflow='mobilenet')

class Budget:
    "A callback that ends training before the budget would be exceeded"
    def __init__(self, seconds, device):
        self.seconds,self.clock = seconds,time.process_time if device.type=='cpu' else time.perf_counter
        self.start = self.clock()

    def used(self): return self.clock()-self.start

    def __call__(self, trainer):
        used = self.used()
        if used*(1+1/len(trainer.history))>self.seconds: trainer.stop = f'the budget of {self.seconds:g} s'

def train_fold(name, cfg, store, out, budget):
    "Train and test one fold, and write its results"
    overrides = dict(backbone=BACKBONES[cfg.DL_FRAMEWORK]) if name=='CVTransferLearningModel' else None
    trainer = Trainer(cfg, store, model_name=name, run_dir=out, progress=False, overrides=overrides)
    clock = Budget(budget, pick_device(cfg.DEVICE))
    trainer.add_callback(clock)
    epochs,seconds = len(trainer.train()),clock.used()
    trainer.test()
    trainer.report.predictions.to_csv(out/'predictions.csv', index=False)
    facts = dict(top1=trainer.report.top1, top5=trainer.report.top5, epochs=epochs, seconds=seconds, stop=trainer.stop,
                 budget=budget, weights=sum(v.numel() for v in trainer.model.state_dict().values()))
    trainer.state_path.unlink()
    with atomic_path(out/'facts.json') as p: p.write_text(json.dumps(facts))

def summary(folder, cfg, name):
    "A row of the table: mean and standard deviation over folds, macro means over all signers"
    folds = [fold_dir(folder, k) for k in range(cfg.N_FOLDS)]
    if not all((f/'facts.json').exists() for f in folds): return None
    facts = pd.DataFrame([json.loads((f/'facts.json').read_text()) for f in folds])
    preds = pd.concat([pd.read_csv(f/'predictions.csv') for f in folds], ignore_index=True)
    split = f'by signer, {cfg.N_FOLDS} folds, each signer tested once by a model that never saw them'
    report = Report(preds, name, split)
    report.save(folder)
    spread = lambda k: f'{facts[k].mean():.3f} ± {facts[k].std():.3f}'
    return {'top-1':spread('top1'), 'top-5':spread('top5'), 'macro signs':round(report.macro_signs, 3),
            'macro signers':round(report.macro_signers, 3),
            '95 % over signers':'{:.3f} to {:.3f}'.format(*report.interval),
            'weights':f'{facts.weights[0]:,}', 'epochs':round(facts.epochs.mean(), 1),
            'seconds per fold':round(facts.seconds.mean(), 1)}

def run(data, out, budget, patterns, words, threads):
    "Train what is not trained yet, and print the table of what is complete"
    cfg = recipe_config(**words)
    limit_threads(threads, [cfg.DL_FRAMEWORK])
    for fold in range(cfg.N_FOLDS):
        for name in (n for n in list_models() if any(fnmatch(n, p) for p in patterns)):
            folder = fold_dir(out/name, fold)
            if (folder/'facts.json').exists(): continue
            print(f'{time.strftime("%H:%M:%S")} {name}, fold {fold}', flush=True)
            own = recipe_config(name, **{**words, 'FOLD':fold})
            train_fold(name, own, open_store(data, own, progress=False), folder, budget)
    store = open_store(data, cfg, progress=False)
    rows = {n:row for n in list_models() if (row := summary(out/n, cfg, store.marker['name']))}
    table = store.table
    print(f"{time.strftime('%Y-%m-%d')}, data {store.marker['name']}: {len(table)} clips, "
          f"{table.sign.nunique()} signs, {table.participant_id.nunique()} signers; split: by signer, {cfg.N_FOLDS} folds; "
          f"{budget:g} s per fold with {cfg.DL_FRAMEWORK} on {cfg.DEVICE}, {threads} threads; mean ± standard deviation over folds")
    print(pd.DataFrame(rows).T.sort_values('top-1', ascending=False).to_string())

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('settings', nargs='*', metavar='KEY=value')
    parser.add_argument('--data', help="a folder in the competition's layout")
    parser.add_argument('--budget', type=float, default=90., help='seconds per fold')
    parser.add_argument('--models', nargs='+', default=['*'], help='names, with * and ?')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--out', type=Path, default=Path('out/accuracy'))
    parser.add_argument('--check', action='store_true', help='run small, on synthetic signers')
    args = parser.parse_intermixed_args()
    for p in args.models: list_models(p) or parser.error(f'no model is named {p}')
    words = {'LOG_METRICS':('Loss',), **parse_overrides(args.settings)}
    if not args.check: return run(args.data or parser.error('--data is needed'), args.out, args.budget, args.models,
                                  words, args.threads)
    with tempfile.TemporaryDirectory() as d:
        make_dataset(Path(d)/'data', n_signs=3, n_signers=4, n_clips=2, progress=False)
        words |= {'ROOT_PATH':d, 'N_FOLDS':2, 'EPOCHS':1}
        run(Path(d)/'data', Path(d)/'out', 1., args.models, words, args.threads)

if __name__=='__main__': main()
