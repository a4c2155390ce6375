"""Train weights to bundle: folds that say how good they are, final weights, average movements, and a card.

    python benchmarks/pretrained.py --name everyday-11 --data data/raw/settled --all-clips data/raw/webcam
                                    --negatives data/raw/others --dictionary data/raw/clips --out out/everyday-11
                                    [--seeds 2] [KEY=value ...]
    python benchmarks/pretrained.py --check

All folders are in GISLR's layout (`asl data extract` makes one from videos; `labels.py` makes DATA and NEGATIVES). DATA
has the signs with settled labels, ALL_CLIPS the same recordings with the labels as they were given. NEGATIVES has clips of
none of the signs, DICTIONARY clips of the signs and of others from another domain, which nothing is trained on.

Each signer is tested once per seed, by a model that never saw them. The models of the folds train on every second gloss of
NEGATIVES, and temperature and threshold come from validation signers and the same glosses, so the other half says how
signs are judged that nothing knew. The final weights train on all signers and all glosses. Their temperature and threshold
are the medians of those of the folds.

OUT will hold NAME.safetensors with NAME.json, which `asl predict --checkpoint` takes, NAME-prototypes.safetensors, and the
card NAME.md: `card.md` with the figures filled in. They are made from answers.csv.gz and streams.csv, which nbs/results has
for the bundled weights. What is finished is kept, so a run that was killed can be resumed.
"""
import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from card import fill_card, stream_rows
from labels import LEFT_OUT, RENAMED, read_labels
from other_signs import STILL, answers, own_clips, trained_half
from prototypes import average_movement, check as check_prototypes, save_prototypes
from stream import measure

from asl_nb.calibration import calibrate, save_calibration
from asl_nb.config import Config
from asl_nb.data.dataset import create_data_loaders
from asl_nb.data.raw import read_clip, read_table
from asl_nb.data.store import open_store
from asl_nb.data.synth import make_dataset
from asl_nb.models.core import load_model_from_checkpoint
from asl_nb.predict import NO_SIGN, Recognizer
from asl_nb.trainer import Trainer, fold_dir, load_run_config, train_fold
from asl_nb.utils import atomic_path

PER_SIGNER,SIGNERS = 4,24 # clips of each signer, and signers of each sign, that an average movement looks at

# what models answer

def domain_answers(recognizer, args, everything=False):
    "The answers to clips of a fold's test signers, and to the dictionary's; of the dictionary alone for the final weights"
    signs,split,parts = recognizer.signs,recognizer.model.sidecar['split'],[]
    trained = {*read_table(args.half)[0].sign}
    folders = dict(settled=args.data, all=args.all_clips, others=args.negatives, dictionary=args.dictionary)
    for domain,folder in folders.items():
        if not folder or everything and domain!='dictionary': continue
        rows = read_table(folder)[0]
        if domain!='dictionary':
            rows = own_clips(rows[rows.sign.isin(signs)==(domain!='others')], split, recognizer.cfg)
        glosses = dict(sign=signs, still=[STILL], seen=trained)
        kind = np.select([rows.sign.isin(g) for g in glosses.values()], [*glosses], 'new')
        if domain=='dictionary': kind = np.where(kind=='sign', kind, 'other')
        parts.append(answers(recognizer, rows).assign(domain=domain, kind=kind))
    return pd.concat(parts, ignore_index=True)

def write(table, path):
    "A table of results"
    with atomic_path(path) as tmp: table.round(4).to_csv(tmp, index=False)

def fold_streams(recognizer, args):
    "Streams of a fold's test signers, with events after a sign and while it lasts"
    table = read_table(args.data)[0]
    table = table[table.participant_id.isin(recognizer.model.sidecar['split']['test'])]
    return pd.concat([measure([(recognizer, table)], args.data, live=live).assign(live=live) for live in (False, True)])

def run_fold(cfg, overrides, store, args):
    "Train, calibrate and test on a fold; streams with the first seed only, as they take longest"
    run_dir = fold_dir(args.out/f'seed{cfg.SEED}', cfg.FOLD)
    if (run_dir/'answers.csv').exists(): return run_dir
    train_fold(cfg, store, run_dir.parent, cfg.FOLD, progress=False, resume=True, overrides=overrides)
    print(f'seed {cfg.SEED}, fold {cfg.FOLD}:', calibrate(run_dir, args.data, args.half, progress=False), flush=True)
    recognizer = Recognizer.from_pretrained(run_dir)
    if not cfg.SEED: write(fold_streams(recognizer, args), run_dir/'streams.csv')
    write(domain_answers(recognizer, args), run_dir/'answers.csv')
    return run_dir

def run_folds(cfg, overrides, args):
    "The folders of all folds"
    trained_half(args.negatives, read_table(args.data)[2], args.half)
    store = open_store(args.data, cfg, progress=False, negatives=args.half)
    return [run_fold(cfg.replace(SEED=s, FOLD=f), overrides, store, args)
            for s in range(args.seeds) for f in range(cfg.N_FOLDS)]

# final weights

def train_all(cfg, overrides, args):
    "Train on every signer for EPOCHS epochs; what the loop reports of some of them says nothing"
    store = open_store(args.data, cfg, progress=False, negatives=args.negatives)
    trainer = Trainer(cfg, store, run_dir=args.out/'all', test=False, overrides=overrides, progress=False)
    everyone = {**trainer.split, 'train':sorted([*trainer.split['train'], *trainer.split['valid']])}
    trainer.split,trainer.train_loader = everyone,create_data_loaders(trainer.dataset, split=everyone)[0]
    if trainer.state_path.exists(): trainer.resume()
    trainer.train()
    return trainer.run_dir

def save_weights(run_dir, runs, weights):
    "The weights of a run on everyone, calibrated as the folds are"
    model = load_model_from_checkpoint(run_dir)
    model.sidecar['settings']['ROOT_PATH'] = Config.ROOT_PATH # not this machine's
    model.sidecar['split']['valid'] = []
    del model.sidecar['validation'] # of signers who were trained on
    model.save_checkpoint(weights)
    found = pd.DataFrame([load_model_from_checkpoint(r).sidecar['calibration'] for r in runs])
    return save_calibration(weights, *found[['temperature','threshold']].median(), models=len(runs))

def averages(data, cfg):
    "The average movement of each sign"
    found = {}
    for sign,rows in read_table(data)[0].groupby('sign'):
        rows = rows.sample(frac=1, random_state=cfg.SEED).groupby('participant_id').head(PER_SIGNER)
        rows = rows[rows.participant_id.isin(rows.participant_id.unique()[:SIGNERS])].sort_index()
        aspects = rows.aspect.astype(float) if 'aspect' in rows else pd.Series(np.nan, rows.index)
        clips = [read_clip(f).astype(np.float32) for f in rows.file]
        found[sign],n = average_movement(clips, aspects.fillna(cfg.source_defaults['aspect']), rows.participant_id)
        print(f'{sign}: the average of {n} signers', flush=True)
    return found

# results

def data_figures(args, signs):
    "Sizes of the data, and of the table of labels"
    size = lambda name, t: {f'{name}_clips':len(t), f'{name}_signers':t.participant_id.nunique(),
                            f'{name}_glosses':t.sign.nunique()}
    others,data,labels = read_table(args.negatives)[0],read_table(args.data)[0],read_labels()
    labels = labels[labels.sign.isin(signs)]
    return dict(**size('data', data), **size('others', others[~others.sign.isin(signs)]), looked_at=len(labels),
                left_out=labels.decision.isin(LEFT_OUT).sum(), renamed=labels.decision.isin(RENAMED).sum())

def final_figures(weights, args):
    "What there is to say of the final weights: size, calibration, and the dictionary, which they have not seen"
    recognizer = Recognizer.from_pretrained(weights)
    model,figures = recognizer.model,dict(final='')
    if args.dictionary:
        clips = domain_answers(recognizer, args, everything=True)
        sign,other = (clips[(clips.kind==k)] for k in ('sign','other'))
        figures['final'] = (f'The final weights on the dictionary: top-1 {sign.right.mean():.3f}, rightly named '
                            f'{sign.named.mean():.3f} ({len(sign)} clips), other signs named '
                            f'{(other.answer!=NO_SIGN).mean():.3f} ({len(other)} clips).')
    return dict(figures, name=args.name, model=model.sidecar['model_name'], n_signs=len(recognizer.signs),
                signs=', '.join(recognizer.signs), temperature=recognizer.temperature, threshold=recognizer.threshold,
                weights=sum(p.numel() for p in model.parameters())/1000)

def join_results(runs, args):
    "The answers and streams of all folds as two tables"
    read = lambda name: [pd.read_csv(r/f'{name}.csv').assign(run='/'.join(r.parts[-2:]))
                         for r in runs if (r/f'{name}.csv').exists()]
    write(pd.concat(read('answers')).sort_values(['run','domain','kind','sign']), args.out/'answers.csv.gz')
    write(pd.DataFrame(stream_rows(pd.concat(read('streams')))), args.out/'streams.csv')

def write_card(weights, cfg, args):
    "The card"
    figures,streams = final_figures(weights, args),pd.read_csv(args.out/'streams.csv', dtype=str)
    figures |= dict(folds=cfg.N_FOLDS, trainings='one training' if args.seeds==1 else f'{args.seeds} trainings')
    figures |= data_figures(args, figures['signs'].split(', '))
    text = fill_card(pd.read_csv(args.out/'answers.csv.gz'), streams.to_dict('records'), figures)
    with atomic_path(weights.with_suffix('.md')) as tmp: tmp.write_text(text, encoding='utf-8')

def run(cfg, overrides, args):
    "Everything, in order"
    args.half,weights = args.out/'half',args.out/f'{args.name}.safetensors'
    prototypes = args.out/f'{args.name}-prototypes.safetensors'
    runs = run_folds(cfg, overrides, args)
    if not weights.exists(): print('final:', save_weights(train_all(cfg, overrides, args), runs, weights), flush=True)
    if not prototypes.exists(): save_prototypes(prototypes, averages(args.data, cfg))
    join_results(runs, args)
    write_card(weights, cfg, args)
    print(weights.with_suffix('.md').read_text())

def small(args, folder):
    "Synthetic signers, enough of them for every side of a split, and few epochs"
    args.data,args.negatives,args.dictionary = (folder/n for n in ('data','others','dictionary'))
    for data,signs,signers in ((args.data, 3, 12), (args.negatives, 8, 12), (args.dictionary, 8, 2)):
        make_dataset(data, n_signs=signs, n_signers=signers, n_clips=1, progress=False)
    args.all_clips,args.out,args.settings = args.data,folder/'out',['EPOCHS=1', 'N_FOLDS=2', *args.settings]

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('settings', nargs='*', metavar='KEY=value')
    parser.add_argument('--name', default='mine', help='of the weights')
    parser.add_argument('--data', type=Path, help='data folder of the signs')
    parser.add_argument('--all-clips', type=Path, help='data folder of the same signers, labels as given')
    parser.add_argument('--negatives', type=Path, help='data folder of other signs')
    parser.add_argument('--dictionary', type=Path, help='data folder of another domain')
    parser.add_argument('--seeds', type=int, default=1, help='trainings of each fold')
    parser.add_argument('--out', type=Path, default=Path('out/pretrained'), help='folder for everything')
    parser.add_argument('--check', action='store_true', help='small, on synthetic signers')
    args = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.check:
            check_prototypes()
            small(args, Path(folder))
        if not (args.data and args.negatives): parser.error('expected --data and --negatives')
        words = ['SOURCE=webcam', 'LOG_METRICS=[Loss]', f'ROOT_PATH={args.out}', *args.settings]
        run(*load_run_config(words=words), args)

if __name__=='__main__': main()
