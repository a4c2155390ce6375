"""What each part of the recipe is worth, and what other models reach on the same folds with the same time to train.

    python benchmarks/recipe.py --data data/raw/settled [--negatives data/raw/others] [--dictionary data/raw/clips]
                                [--seeds 2] [--workers 2] [--budget SECONDS] [--only NAME ...] [--out out/recipe]
                                [KEY=value ...]
    python benchmarks/recipe.py --check

Each signer is tested once per seed, by a model that never saw them. The rows of the table are

* the recipe of HandModel, then the same without one of its parts;
* kernel ridge regression on its channels, a ruler that takes no training: at most 8 clips per signer and sign;
* the documented models and the model that won the GISLR competition, each with its own recipe, and with as much time for
  a fold as the recipe took (or BUDGET): processor time on a CPU, wall-clock time on a GPU. An epoch is always finished.

Accuracies are top-1, its mean over signs and its mean over signers. The recipe has 95 % intervals over signers, the other
rows have what they gain over the recipe, with such intervals. KEY=value changes the settings of every row, e.g.
SOURCE=webcam N_FOLDS=5 DEVICE=cuda; those that the recipe names are changed for HandModel alone. All rows train on the same
signers: the validation signers are left to the rows that stop early.

Where DATA has clips that are not settled (`labels.py --keep-doubtful`), they are tested, but not trained on, and the table
has accuracies over all clips and over the settled ones, side by side.

NEGATIVES are clips without any of the signs. Every second of their glosses trains the class "no sign" of one more row. A
second table has the clips that are accepted as a sign when 90, 80 and 70 % of the right answers for test signers are. The
other glosses are never trained on. DICTIONARY has clips of another domain, of the signs and of others.

What is finished is kept in OUT, so a run that was killed can be resumed.
"""
import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accuracy import BACKBONES
from other_signs import acceptance, own_clips, score_domains, trained_half
from rivals import RULER, WINNER, Variant, check as check_rivals, train_model

from asl_nb.config import Config, parse_overrides
from asl_nb.data.dataset import ASLDataset
from asl_nb.data.raw import read_table
from asl_nb.data.store import open_store
from asl_nb.data.synth import make_dataset
from asl_nb.metrics import bootstrap_interval, prediction_table
from asl_nb.models.core import pick_device
from asl_nb.models.first_step import CHANNELS
from asl_nb.models.registry import DEFAULT_MODEL, get_model_params, get_recipe, list_models, recipe_config
from asl_nb.trainer import fold_dir
from asl_nb.utils import atomic_path

FULL,NO_SIGN_CLASS = 'the recipe','a class for no sign'

def variants():
    "The rows by name"
    augmentations = get_recipe(DEFAULT_MODEL)['AUGMENTATIONS']
    off = lambda **settings: Variant(settings=settings)
    rivals = {n:Variant(n) for n in list_models() if n!=DEFAULT_MODEL}
    rivals['CVTransferLearningModel'].params['backbone'] = BACKBONES['pytorch']
    return {FULL:Variant(), 'points for hands':Variant(params=dict(features='points')),
            **{f'no {g}':Variant(params=dict(channels=[c for c in CHANNELS if c!=g])) for g in CHANNELS},
            **{f'no {a}':off(AUGMENTATIONS=tuple(b for b in augmentations if b!=a))
               for a in ('hand_jitter','rise_and_fall','arms_shift')},
            'no augmentation':off(AUGMENTATIONS=(), AUGMENTED_COPIES=0), 'no AVERAGE_DECAY':off(AVERAGE_DECAY=0.),
            'no ONE_CYCLE':off(ONE_CYCLE=0.), 'SAMPLING=uniform':off(SAMPLING='uniform'), 'MIXUP=.4':off(MIXUP=.4),
            'no CANONICAL_HAND':off(CANONICAL_HAND=False), 'no TRIM':off(TRIM=False),
            'no HIDE_RESTING':off(HIDE_RESTING=False), 'one view':off(VIEWS=(0.,)),
            'KEEP_EPOCH=best':off(KEEP_EPOCH='best'), 'DROP_DOUBTFUL=.1':off(DROP_DOUBTFUL=.1),
            NO_SIGN_CLASS:Variant(), 'kernel ridge':RULER, 'GISLR 1st place':WINNER, **rivals}

@dataclass
class Plan:
    "What all jobs share"
    data: Path
    out: Path
    words: dict     # settings of every row, and of the recipe
    negatives: Path # None for none
    half: Path      # the part of them that is trained on
    dictionary: Path

    def settings(self, variant, seed=0, fold=0):
        "A row's settings; other models keep their own where the recipe has some"
        recipe = {} if variant.model==DEFAULT_MODEL else get_recipe(DEFAULT_MODEL)
        words = {k:v for k,v in self.words.items() if k not in recipe}
        return recipe_config(variant.model, **{**words, **variant.settings, 'SEED':seed, 'FOLD':fold,
                                               'ROOT_PATH':str(self.out)})

    def folder(self, name, seed, fold): return fold_dir(self.out/name.replace(' ', '_')/f'seed{seed}', fold)

def open_clips(name, variant, cfg, plan):
    "The store that a row is trained on"
    if name==NO_SIGN_CLASS: return open_store(plan.data, cfg, progress=False, negatives=plan.half)
    return variant.store(open_store(plan.data, cfg, progress=False).folder)

def trained_clips(variant, cfg, store):
    "The clips that may be trained on: not those whose label is doubtful"
    table = store.table
    if 'settled' in table: table = table[table.settled!='False']
    return ASLDataset(table, store=store, cfg=cfg, **get_model_params(variant.model)['data'])

def test_predictions(trainer, predict, store):
    "What was predicted for all clips of signs by the test signers"
    cfg,signs = trainer.config,[s for s in trainer.label_map if s!=Config.NO_SIGN]
    rows = own_clips(store.table[store.table.sign.isin(signs)], trainer.split, cfg)
    return prediction_table(rows, predict(ASLDataset(rows, store=store, cfg=cfg))[:,:len(signs)], signs)

def run_job(job, plan, budget):
    "Train one model and keep what it predicts for its test signers"
    torch.set_num_threads(1)
    name,run_dir = job[0],plan.folder(*job)
    if (run_dir/'facts.json').exists(): return
    run_dir.mkdir(parents=True, exist_ok=True)
    variant = variants()[name]
    cfg = plan.settings(variant, *job[1:])
    store = open_clips(name, variant, cfg, plan)
    train = variant.train or train_model
    trainer,facts,predict = train(variant, cfg, trained_clips(variant, cfg, store), run_dir, budget)
    predictions = test_predictions(trainer, predict, store)
    predictions.to_csv(run_dir/'predictions.csv', index=False)
    if plan.negatives and name in (FULL, NO_SIGN_CLASS):
        score_domains(run_dir, cfg, plan).to_csv(run_dir/'others.csv', index=False)
    trainer.state_path.unlink(missing_ok=True)
    with atomic_path(run_dir/'facts.json') as p: p.write_text(json.dumps(facts))
    print(f'{time.strftime("%H:%M:%S")} {name}, seed {cfg.SEED}, fold {cfg.FOLD}: {facts["epochs"]} epochs, '
          f'{facts["seconds"]:.0f} s, top-1 {(predictions["rank"]==1).mean():.3f}', flush=True)

def run_jobs(names, plan, seeds, folds, workers, budget=np.inf):
    "Train in several processes, the first fold of each row first"
    jobs = [(n, s, f) for s in range(seeds) for f in range(folds) for n in names]
    with ProcessPoolExecutor(workers, mp_context=get_context('spawn')) as pool:
        for _ in pool.map(run_job, jobs, [plan]*len(jobs), [budget]*len(jobs)): pass

def sign_interval(values, clips, rng, n=2000):
    "95 % interval of the mean over signs, by a bootstrap over signers"
    by = values.groupby([clips.participant_id, clips.sign]).agg(['sum','count']).unstack(fill_value=0)
    draws = rng.multinomial(len(by), np.full(len(by), 1/len(by)), n) # n signer
    sums,counts = (draws@by[k].to_numpy() for k in ('sum','count'))   # n sign
    return np.nanquantile(np.nanmean(sums/np.where(counts, counts, np.nan), 1), [.025,.975])

def measures(values, clips):
    "Mean over clips, over signs and over signers, and their intervals"
    by,rng = values.groupby(clips.participant_id).mean(),partial(np.random.default_rng, 0)
    return [(values.mean(), *bootstrap_interval(values, clips.participant_id, rng())),
            (values.groupby(clips.sign).mean().mean(), *sign_interval(values, clips, rng())),
            (by.mean(), *bootstrap_interval(by, by.index, rng()))]

def accuracies(clips, names):
    "Accuracy of each row on some clips, and its gain over the recipe"
    rows = {}
    for n in names:
        found = measures(clips[n], clips)
        cells = [f'{low:.3f} to {high:.3f}' for _,low,high in found]
        if n!=FULL: cells = ['{:+.3f} ({:+.3f} to {:+.3f})'.format(*m) for m in measures(clips[n]-clips[FULL], clips)]
        rows[n] = dict(zip(['top-1/signs/signers','top-1','signs','signers'],
                           ['/'.join(f'{m:.3f}' for m,*_ in found), *cells]))
    return pd.DataFrame(rows).T

def by_sign(clips):
    "The recipe's recall of each sign"
    by = clips.groupby('sign')
    return pd.DataFrame(dict(recall=by[FULL].mean().round(3), clips=by.size(), signers=by.participant_id.nunique()))

def read_results(names, plan, seeds, folds):
    "Whether each clip was named rightly, the mean of the seeds, and seconds and epochs of training"
    parts,facts = [],[]
    for n,s,f in ((n, s, f) for n in names for s in range(seeds) for f in range(folds)):
        run_dir = plan.folder(n, s, f)
        parts.append(pd.read_csv(run_dir/'predictions.csv').assign(row=n))
        facts.append({**json.loads((run_dir/'facts.json').read_text()), 'row':n})
    right = pd.concat(parts).assign(right=lambda t: t['rank'].eq(1).astype(float))
    clips = right.groupby(['path','sign','participant_id','row']).right.mean().unstack().reset_index()
    return clips,pd.DataFrame(facts).groupby('row')[['seconds','epochs','weights']].mean().round(1)

def settled(clips, data):
    "The clips whose label is not doubtful"
    table = read_table(data)[0]
    return clips[clips.path.isin(table.path[table.settled!='False'])] if 'settled' in table else clips

def report(names, plan, seeds, folds):
    "Print the tables"
    clips,facts = read_results(names, plan, seeds, folds)
    sets = {'all clips':clips, 'settled clips':settled(clips, plan.data)}
    if len(sets['settled clips'])==len(clips): del sets['settled clips']
    for n,c in sets.items(): print(f'{n}: {len(c)} of {c.participant_id.nunique()} signers, {c.sign.nunique()} signs')
    print(pd.concat([facts.loc[names], *(accuracies(c, names).add_prefix(f'{n.split()[0]}: ') for n,c in sets.items())],
                    axis=1).to_string())
    print(pd.concat([by_sign(c).add_prefix(f'{n.split()[0]}: ') for n,c in sets.items()], axis=1).to_string())
    for n in (n for n in (FULL, NO_SIGN_CLASS) if n in names and plan.negatives):
        found = [pd.read_csv(plan.folder(n, s, f)/'others.csv') for s in range(seeds) for f in range(folds)]
        print(f'\n{n}: clips accepted as a sign\n{acceptance(pd.concat(found)).to_string()}')

def run(plan, seeds, workers, patterns, budget=None):
    "Train what is not trained yet, the recipe first, and print the tables"
    rows = {n:v for n,v in variants().items() if n!=NO_SIGN_CLASS or plan.negatives}
    rest = [n for n in rows if n!=FULL and any(fnmatch(n, p) for p in patterns)]
    cfg = plan.settings(rows[FULL])
    for n in (FULL, *rest): open_clips(n, rows[n], plan.settings(rows[n]), plan) # built before the processes start
    run_jobs([FULL], plan, seeds, cfg.N_FOLDS, workers)
    budget = budget or read_results([FULL], plan, seeds, cfg.N_FOLDS)[1].seconds[FULL]
    alike = [n for n in rest if rows[n].model==DEFAULT_MODEL]
    run_jobs(alike, plan, seeds, cfg.N_FOLDS, workers)
    run_jobs([n for n in rest if n not in alike], plan, seeds, cfg.N_FOLDS, workers, budget)
    print(f'{time.strftime("%Y-%m-%d")}, {plan.data.name}: by signer, {cfg.N_FOLDS} folds, {seeds} seeds, {workers} '
          f'processes on {pick_device(cfg.DEVICE)}; others stop after {budget:.0f} s')
    report([FULL, *rest], plan, seeds, cfg.N_FOLDS)

def check_data(folder):
    "Synthetic signs, other signs and a dictionary"
    make_dataset(folder/'data', n_signs=3, n_signers=6, n_clips=2, progress=False)
    make_dataset(folder/'others', n_signs=8, n_signers=4, n_clips=1, seed=1, progress=False)
    make_dataset(folder/'dictionary', n_signs=8, n_signers=2, n_clips=1, progress=False)
    return [folder/n for n in ('data','others','dictionary')]

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('settings', nargs='*', metavar='KEY=value')
    parser.add_argument('--data', type=Path, help='data folder with the signs')
    parser.add_argument('--negatives', type=Path, help='data folder with other signs of the same kind')
    parser.add_argument('--dictionary', type=Path, help='data folder with signs and other signs of another kind')
    parser.add_argument('--seeds', type=int, default=2, help='trainings of each fold')
    parser.add_argument('--workers', type=int, default=2, help='trainings at a time')
    parser.add_argument('--budget', type=float, help="seconds per fold of the other models; None for the recipe's")
    parser.add_argument('--only', nargs='+', default=['*'], help='rows besides the recipe, with * and ?')
    parser.add_argument('--out', type=Path, default=Path('out/recipe'))
    parser.add_argument('--check', action='store_true', help='small, on synthetic signers')
    args = parser.parse_intermixed_args()
    words = {'LOG_METRICS':('Loss',), **parse_overrides(args.settings)}
    with tempfile.TemporaryDirectory() as folder:
        if args.check:
            args.data,args.negatives,args.dictionary = check_data(Path(folder))
            args.out,args.seeds,words = Path(folder)/'out',1,{**words, 'EPOCHS':1, 'N_FOLDS':2}
            check_rivals(args.data, Config(ROOT_PATH=folder))
        if args.data is None: parser.error('expected --data')
        plan = Plan(args.data, args.out, words, args.negatives, args.out/'others', args.dictionary)
        if args.negatives: trained_half(args.negatives, read_table(args.data)[2], plan.half)
        run(plan, args.seeds, args.workers, args.only, args.budget)

if __name__=='__main__': main()
