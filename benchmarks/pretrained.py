"""Train weights to bundle: folds, calibration, threshold, final weights, average movements.

    python benchmarks/pretrained.py --name mine --data data/raw/mine --negatives data/raw/others --out out/mine

Both folders are in GISLR's layout (`asl data extract` makes one from videos). OUT will hold NAME.safetensors with NAME.json,
which `asl predict --checkpoint` takes, NAME-prototypes.safetensors, and tables of what the models of the folds predicted for
signers they had not seen, for other signs, and in streams. Run the command again to resume an interrupted run.
"""
import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from prototypes import average_movement, check as check_prototypes, save_prototypes
from stream import HANDS, evaluate, pause
from tqdm.auto import tqdm

from asl_nb.calibration import calibration_error, choose_threshold, fit_temperature, heat, save_calibration
from asl_nb.clip import Clip
from asl_nb.config import Config
from asl_nb.data.dataset import create_data_loaders
from asl_nb.data.raw import read_clip
from asl_nb.data.store import open_store
from asl_nb.data.synth import make_dataset
from asl_nb.models.checkpoint import read_training_state
from asl_nb.predict import Recognizer
from asl_nb.trainer import Trainer, fold_dir, join_folds, train_fold
from asl_nb.utils import atomic_path

SETTINGS = dict(SOURCE='webcam', CANONICAL_HAND=True, TRIM=True, EPOCHS=24, LOG_METRICS=('Loss',), DEVICE='cpu',
                AUGMENTATIONS=tuple(a for a in Config.AUGMENTATIONS if a!='mirror')) # what features undo
PER_SIGNER = 4 # clips that an average movement looks at

def clip_table(folder, cfg):
    "The clips of a data folder with their landmarks"
    table = open_store(folder, cfg, progress=False).table
    paths = tqdm(table.path, desc=Path(folder).name, leave=False)
    clips = [read_clip(Path(folder)/p).astype(np.float32) for p in paths]
    return table,clips

def said(recognizer, table, clips):
    "A recognizer's probabilities for clips, one column per sign"
    known = [v.where(v.notna(), None) for v in (table.aspect.astype(object), table.fps.astype(object))]
    probs = recognizer.probabilities([Clip(*c) for c in zip(clips, *known)])
    return pd.DataFrame(probs, table.index, recognizer.signs)

def unseen(runs, table, clips):
    "Each fold's model's probabilities for its test signers"
    parts = []
    for fold,recognizer in enumerate(runs):
        rows = table[table.participant_id.isin(recognizer.model.sidecar['split']['test'])]
        probs = said(recognizer, rows, [clips[i] for i in rows.index])
        parts.append(pd.concat([rows[['participant_id','sign']].assign(fold=fold), probs], axis=1))
    return pd.concat(parts).sort_index()

def at_rest(table, clips, cfg):
    "Hands lying in the lap, for every signer whose clips end with a hand in view"
    aspect,found = cfg.source_defaults['aspect'],{}
    for signer,rows in table.groupby('participant_id'):
        for i in rows.index:
            lm = pause(clips[i], 30, True, aspect, np.random.default_rng(signer))
            if not all(np.isnan(lm[:,hand]).all() for hand in HANDS): found.setdefault(signer, lm)
    rows = pd.DataFrame(dict(participant_id=[*found], sign='hands at rest', aspect=np.nan, fps=np.nan))
    return rows,[*found.values()]

def unknown(runs, folders, table, clips, cfg):
    "Probabilities for clips of other signs, the models taking turns; half of the first folder's signs choose the threshold"
    parts = []
    sources = {'rest':at_rest(table, clips, cfg), **{f.name:clip_table(f, cfg) for f in folders}}
    for name,(rows,lms) in sources.items():
        rows = rows.reset_index(drop=True)
        other = rows[~rows.sign.isin(runs[0].signs)]
        for k,run in enumerate(runs):
            mine = other.iloc[k::len(runs)]
            probs = said(run, mine, [lms[i] for i in mine.index])
            parts.append(pd.concat([mine[['participant_id','sign']].assign(source=name), probs], axis=1))
    table = pd.concat(parts, ignore_index=True).rename(columns=dict(sign='gloss'))
    half = sorted(table.gloss[table.source==folders[0].name].unique())[::2]
    chooses = (table.source=='rest') | (table.source==folders[0].name) & table.gloss.isin(half)
    return table.assign(chooses=chooses).sort_values(['source','gloss'], kind='stable')

def train_on_all(cfg, store, out):
    "Train on every signer for EPOCHS epochs; the signers that the loop reports on are among them"
    trainer = Trainer(cfg.replace(EARLY_STOP_PATIENCE=cfg.EPOCHS), store, run_dir=out.parent/'all', test=False)
    everyone = sorted([*trainer.split['train'], *trainer.split['valid']])
    trainer.train_loader,_,_ = create_data_loaders(trainer.dataset, split={**trainer.split, 'train':everyone})
    trainer.split = {**trainer.split, 'train':everyone}
    if trainer.state_path.exists(): trainer.resume()
    trainer.train()
    trainer.split['valid'] = []
    trainer.model.load_training_state(read_training_state(trainer.state_path)) # the last epoch, not the best
    trainer.model.sidecar = trainer._sidecar()
    trainer.model.sidecar['settings']['ROOT_PATH'] = Config.ROOT_PATH # not this machine's
    del trainer.model.sidecar['validation'] # of signers who were trained on
    trainer.model.save_checkpoint(out)

def averages(table, clips, cfg):
    "The average movement of each sign"
    aspect,found = cfg.source_defaults['aspect'],{}
    for sign,rows in table.groupby('sign'):
        rows = rows.sample(frac=1, random_state=cfg.SEED).groupby('participant_id').head(PER_SIGNER).sort_index()
        found[sign],n = average_movement([clips[i] for i in rows.index], [aspect]*len(rows), rows.participant_id)
        print(f'{sign}: the average of {n} signers')
    return found

def fold_results(cfg, store, args):
    "Train and test on every fold; the recognizers, not yet calibrated"
    folds = args.out/'folds'
    report = join_folds([train_fold(cfg, store, folds, f, resume=True) for f in range(cfg.N_FOLDS)])
    report.save(folds)
    print(report)
    runs = [Recognizer.from_pretrained(fold_dir(folds, f)) for f in range(cfg.N_FOLDS)]
    for r in runs: r.temperature = 1. # that of an earlier run is fitted anew
    return runs

def find_calibration(runs, seen, other):
    "Temperature and threshold"
    signs = runs[0].signs
    probs,labels = seen[signs].to_numpy(),seen.sign.map(runs[0].model.sidecar['label_map']).to_numpy()
    temperature = fit_temperature(probs, labels)
    known,unknown_best = heat(probs, temperature),heat(other[signs][other.chooses].to_numpy(), temperature).max(1)
    errors = calibration_error(probs, labels),calibration_error(known, labels)
    print('calibration error {:.3f}, with the temperature {:.3f}'.format(*errors))
    return temperature,choose_threshold(known.max(1), known.argmax(1)==labels, unknown_best)

def run(cfg, args):
    "Everything, in order"
    store,weights = open_store(args.data, cfg),args.out/f'{args.name}.safetensors'
    runs = fold_results(cfg, store, args)
    table,clips = clip_table(args.data, cfg)
    seen,other = unseen(runs, table, clips),unknown(runs, args.negatives, table, clips, cfg)
    temperature,threshold = find_calibration(runs, seen, other)
    for f in range(cfg.N_FOLDS): save_calibration(fold_dir(args.out/'folds', f), temperature, threshold)
    streams = evaluate(args.out/'folds', args.data).reset_index()
    for name,t in dict(unseen_signers=seen, negatives=other, stream=streams).items():
        with atomic_path(args.out/f'{name}.csv') as tmp: t.round(4).to_csv(tmp, index=False)
    if not weights.exists(): train_on_all(cfg, store, weights)
    print(save_calibration(weights, temperature, threshold))
    save_prototypes(args.out/f'{args.name}-prototypes.safetensors', averages(table, clips, cfg))

def check(args):
    "The same on a small scale, with synthetic signers"
    with tempfile.TemporaryDirectory() as folder:
        args.out,args.data,args.negatives = (Path(folder)/n for n in ('out','data','others'))
        make_dataset(args.data, n_signs=3, n_signers=6, n_clips=2, progress=False)
        make_dataset(args.negatives, n_signs=6, n_signers=2, n_clips=1, seed=1, progress=False)
        args.negatives = [args.negatives]
        run(Config(ROOT_PATH=folder, **{**SETTINGS, 'EPOCHS':1, 'N_FOLDS':2}), args)
        print(Recognizer.from_pretrained(args.out/f'{args.name}.safetensors'))
    check_prototypes()

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--name', default='mine', help='of the weights')
    parser.add_argument('--data', type=Path, help='data folder')
    parser.add_argument('--negatives', type=Path, nargs='+', help="data folders of other signs; half of the first's choose the threshold")
    parser.add_argument('--out', type=Path, default=Path('out/pretrained'), help='folder for everything')
    parser.add_argument('--check', action='store_true', help='small, on synthetic signers')
    args = parser.parse_args()
    if args.check: return check(args)
    if not (args.data and args.negatives): parser.error('expected --data and --negatives')
    run(Config(ROOT_PATH=str(args.out), **SETTINGS), args)

if __name__=='__main__': main()
