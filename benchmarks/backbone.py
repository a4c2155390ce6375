"""Train the backbone that own signs are learned with: a network that knows many signs, and what it says of signs in general.

    python benchmarks/backbone.py --data data/raw/webcam --negatives data/raw/negatives --out out/backbone-1
                                  [--results nbs/results/backbone-1] [--temperature 20] [KEY=value ...]
    python benchmarks/backbone.py --check

DATA and NEGATIVES are folders in GISLR's layout. Each of their glosses is a class: signs of several languages, letters, digits, and
sitting still. Labels are settled as `labels.py` does, and at most `MOST` clips of each signer and gloss are trained on.

OUT will hold NAME.safetensors with NAME.json, the backbone, whose own head recognizes the signs of the bundled weights;
NAME-prior.safetensors, averages over many signers: the mean of all clips, the spread of a signer's clips of a sign, and the means of
those signs; and the card NAME.md, `backbone.md` with the figures of RESULTS, which `few_shot.py` measures with backbones that know
neither the signs nor the signers. What is finished is kept, so a run that was killed can be resumed.
"""
import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from labels import at_most, read_labels, read_settled, write_folder

from asl_nb.config import Config
from asl_nb.data.dataset import create_data_loaders
from asl_nb.data.raw import read_table
from asl_nb.data.store import open_store
from asl_nb.data.synth import make_dataset
from asl_nb.few_shot import Examples, embed_rows, fit_head, load_prior, make_prior, save_prior, with_head
from asl_nb.models.core import load_model_from_checkpoint
from asl_nb.pretrained import LICENSE, load_prototypes
from asl_nb.trainer import Trainer, load_run_config
from asl_nb.utils import atomic_path

TEMPLATE = Path(__file__).with_name('backbone.md')
MOST = 12          # clips of each signer and gloss
LEAST_SIGNERS = 4  # of a mean that is kept
SETTINGS = ['SOURCE=webcam', 'LOG_METRICS=[Loss]', 'EPOCHS=20']
# the same sign under another name: left out with it
SAME = dict(iloveyou=['loveyou','vsl_ilikeyou','toiyeuban'], hello=['hey','salute','xinchao'], you=['isl_you'],
            sorry=['isl_sorry','xinloi'], thankyou=['good'], good=['isl_good','thankyou'], welcome=['isl_welcome'],
            deaf=['isl_deaf'], love=['loveyou'], mynameis=['isl_mynameis'], namaste=['isl_namaste'])

def glosses(folders, labels, signs=(), signers=()):
    "The settled clips of some folders, without those of some signs and of some signers; a column says from which folder"
    parts = []
    for folder in map(Path, folders):
        t = read_settled(folder, labels)
        names = [str(Path(p).with_name(f'{folder.name}_{Path(p).name}')) for p in t.path] # unique in all
        parts.append(t[t.settled].assign(path=np.array(names)[t.settled], folder=folder.name))
    table = pd.concat(parts, ignore_index=True)
    same = [o for s in signs for o in SAME.get(s, ())]
    table = table[~table.sign.isin([*signs, *same]) & ~table.participant_id.isin(signers)]
    return table[['path','participant_id','sequence_id','sign','folder','clip_file']].reset_index(drop=True)

def gloss_folder(table, out, most=None):
    "A data folder of some clips, at most so many of each signer and gloss"
    if not (out/Config.TRAIN_CSV_FILE).exists(): write_folder(at_most(table, most) if most else table, out)
    return out

def train_backbone(data, run_dir, cfg, overrides):
    "Train on all clips of a data folder; what the loop reports of some of them says nothing"
    if not (run_dir/'done').exists():
        store = open_store(data, cfg, progress=False)
        trainer = Trainer(cfg, store, run_dir=run_dir, test=False, overrides=overrides, progress=False)
        everyone = {**trainer.split, 'train':sorted([*trainer.split['train'], *trainer.split['valid']])}
        trainer.split,trainer.train_loader = everyone,create_data_loaders(trainer.dataset, split=everyone)[0]
        if trainer.state_path.exists(): trainer.resume()
        trainer.train()
        (run_dir/'done').touch()
    return load_model_from_checkpoint(run_dir)

def prior_of(model, data, bundled=()):
    "What a backbone says of its own training clips"
    store = open_store(data, model.cfg, progress=False)
    signers = store.table.groupby('sign').participant_id.nunique()
    kept = [s for s in bundled if signers.get(s, 0)>=LEAST_SIGNERS]
    return make_prior(embed_rows(model, store), kept),store

def save_backbone(model, prior, weights):
    "The backbone with a head of the prior's signs, without anything of this machine or of single signers in its sidecar"
    nothing = Examples(np.zeros((0, len(model.cfg.VIEWS), len(prior.mean))), [], [], [])
    model.cfg = model.cfg.replace(ROOT_PATH=Config().ROOT_PATH)
    with_head(model, fit_head(nothing, prior, [*prior.signs])).save_checkpoint(weights)
    save_prior(prior, weights.with_name(f'{weights.stem}-prior.safetensors'))

def write_card(weights, store, args):
    "The card"
    model,prior = load_model_from_checkpoint(weights),load_prior(weights.with_name(f'{weights.stem}-prior.safetensors'))
    size = sum(f.stat().st_size for f in weights.parent.glob(f'{weights.stem}*') if f.suffix in ('.safetensors','.json'))
    figures = dict(name=weights.stem, weights=sum(p.numel() for p in model.parameters())/1000, size=size/1e6,
                   clips=len(store), signers=store.table.participant_id.nunique(), glosses=store.table.sign.nunique(),
                   most=MOST, channels=len(prior.mean), bundled=', '.join(prior.signs), least=LEAST_SIGNERS,
                   temperature=prior.temperature, license=LICENSE)
    figures['results'] = (args.results/'few_shot.md').read_text(encoding='utf-8').strip() if args.results else '(not measured)'
    text = TEMPLATE.read_text(encoding='utf-8').format(**figures)
    with atomic_path(weights.with_suffix('.md')) as tmp: tmp.write_text(text, encoding='utf-8')

def run(cfg, overrides, args):
    "Everything, in order"
    weights = args.out/f'{args.name}.safetensors'
    data = gloss_folder(glosses([args.data, args.negatives], read_labels()), args.out/'glosses', MOST)
    model = train_backbone(data, args.out/'run', cfg, overrides)
    prior,store = prior_of(model, data, args.signs)
    save_backbone(model, prior._replace(temperature=args.temperature), weights)
    write_card(weights, store, args)
    print(f'{store}\n{prior}\n'+weights.with_suffix('.md').read_text(encoding='utf-8'))

def small(args, folder):
    "Synthetic signers and one epoch"
    args.data,args.negatives = folder/'data',folder/'others'
    make_dataset(args.data, n_signs=3, n_signers=8, n_clips=2, progress=False)
    make_dataset(args.negatives, n_signs=4, n_signers=8, n_clips=2, seed=1, progress=False)
    args.out,args.settings = folder/'out',['EPOCHS=1', *args.settings]
    args.signs = [*read_table(args.data)[2]]

def check(args):
    "What the functions promise, on what `small` made"
    weights = args.out/f'{args.name}.safetensors'
    prior = load_prior(weights.with_name(f'{args.name}-prior.safetensors'))
    assert [*load_model_from_checkpoint(weights).sidecar['label_map']]==[*sorted(args.signs), Config.NO_SIGN]
    assert 'split' not in load_model_from_checkpoint(weights).sidecar and len(prior.signs)==3
    both = glosses([args.data, args.negatives], read_labels())
    some = glosses([args.data, args.negatives], read_labels(), args.signs[:1], [both.participant_id[0]])
    assert {*both.sign}-{*some.sign}=={args.signs[0]} and both.participant_id[0] not in {*some.participant_id}
    print('backbone: trained, saved and loaded; signs and signers left out')

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('settings', nargs='*', metavar='KEY=value')
    parser.add_argument('--name', default='backbone-1', help='of the files')
    parser.add_argument('--data', type=Path, help='data folder of signs')
    parser.add_argument('--negatives', type=Path, help='data folder of other signs and movements')
    parser.add_argument('--results', type=Path, help='folder with few_shot.md, for the card')
    parser.add_argument('--temperature', type=float, default=20., help='that few_shot.py measured')
    parser.add_argument('--out', type=Path, default=Path('out/backbone'), help='folder for everything')
    parser.add_argument('--check', action='store_true', help='small, on synthetic signers')
    args = parser.parse_intermixed_args()
    args.signs = sorted(load_prototypes()) # those of the bundled weights
    with tempfile.TemporaryDirectory() as folder:
        if args.check: small(args, Path(folder))
        if not (args.data and args.negatives): parser.error('expected --data and --negatives')
        run(*load_run_config(words=[*SETTINGS, f'ROOT_PATH={args.out}', *args.settings]), args)
        if args.check: check(args)

if __name__=='__main__': main()
