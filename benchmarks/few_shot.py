"""What own signs are worth that were learned from few clips, by how many clips, teachers and signs there are.

    python benchmarks/few_shot.py --data data/raw/webcam --negatives data/raw/negatives --out out/few_shot
                                  [--episodes 16] [--folds 2] [--trainings 3] [--backbone FILE] [KEY=value ...]
    python benchmarks/few_shot.py --check

DATA and NEGATIVES are folders in GISLR's layout. Two groups of signs of DATA play the part of signs that are new: `common`, the signs
of at least COMMON signers, and `shared`, those of at least two and all of signers with many. The signers of a group are dealt to the
folds. For each group and fold a backbone is trained on what remains: the other glosses of DATA and NEGATIVES by the other signers
(`backbone.py`; --backbone takes one instead, which then must know neither).

An episode draws signs, and for each sign its teachers and their clips. The head is fitted to them (`asl_nb.few_shot`) and tested on
clips of the same signs by the fold's other signers, and on the teachers' own further clips; each is a mean over signs. One teacher is
the same person for all signs where the data have one, and otherwise, as several teachers, a person for each sign. Beside it stand the
nearest clip in the coordinates themselves (`nearest`) and HandModel trained on the same clips (`training`). `false` is the share of
other signs by other people that is accepted at a threshold that accepts 80 % of the right answers.

OUT will hold episodes.csv.gz and few_shot.md, tables with 95 % intervals by a bootstrap over teachers (over episodes where each sign
has its own). What is finished is kept, so a run that was killed can be resumed.
"""
import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from backbone import SAME, SETTINGS, MOST, gloss_folder, glosses, prior_of, train_backbone
from card import markdown
from labels import read_labels
from scipy.special import softmax

from asl_nb.augmentations import augment_batch
from asl_nb.calibration import fit_temperature
from asl_nb.data.store import open_store
from asl_nb.data.synth import make_dataset
from asl_nb.few_shot import embed_rows, fit_head, left_out_logits, load_prior
from asl_nb.metrics import accepted, bootstrap_interval
from asl_nb.models.core import create_model, load_model_from_checkpoint
from asl_nb.trainer import load_run_config
from asl_nb.utils import atomic_path

COMMON,MANY = 12,20 # signers of a common sign; signs of a signer with many
SIZES = dict(common=(5,7), shared=(10,20,50))
CLIPS,TEACHERS = (1,2,5,10),(1,2,3,5)
TESTED,UNKNOWN = 4,400 # clips of each signer and sign, and of other signs, that an episode tests
STEPS,BATCH = 400,32  # of a training on an episode's clips

# what is new

def groups(table, common=COMMON, many=MANY):
    "The signs that are taken as new"
    by_sign = table.groupby('sign').participant_id.nunique()
    rich = table.groupby('participant_id').sign.nunique()
    of_rich = table[table.participant_id.isin(rich.index[rich>=many])].sign
    return dict(common=sorted(by_sign.index[by_sign>=common]),
                shared=sorted({*by_sign.index[by_sign>=2], *of_rich}))

def test_signers(table, signs, folds):
    "The signers of each fold, dealt by how many of the signs they show"
    order = table[table.sign.isin(signs)].groupby('participant_id').sign.nunique().sort_values(kind='stable').index
    return [sorted(order[f::folds]) for f in range(folds)]

class Fold:
    "A backbone, and all clips of signers it does not know"
    def __init__(self, name, signs, signers, args):
        labels,folders,out = read_labels(),[args.data, args.negatives],args.out/name
        self.name,self.signs,self.steps = name,signs,args.steps
        if args.backbone: self.model = load_model_from_checkpoint(args.backbone)
        else:
            train = gloss_folder(glosses(folders, labels, signs, signers), out/'train', MOST)
            self.model = train_backbone(train, out/'run', args.cfg, args.overrides)
        beside = args.backbone and args.backbone.with_name(f'{args.backbone.stem}-prior.safetensors')
        self.prior = load_prior(beside) if beside else prior_of(self.model, train)[0]
        every = glosses(folders, labels)
        test = gloss_folder(every[every.participant_id.isin(signers)], out/'test')
        self.store = open_store(test, self.model.cfg, progress=False)
        self.table = self.store.table.assign(known=self.store.table.sign.isin(signs))
        self.table.loc[self.table.path.str.contains(f'/{args.negatives.name}_'), 'known'] = False
        self.examples = embed_rows(self.model, self.store)
        x,self.mask = self.store.gather(np.arange(len(self.store)), self.model.cfg)
        self.x,self.flat = x,np.nan_to_num(x).reshape(len(x), -1)

# episodes

def draw(fold, n_signs, n_clips, n_teachers, same, need_others, rng):
    "Signs, and the clips that are learned from; None if the data do not have them"
    t = fold.table[fold.table.known]
    least = n_clips if same else -(-n_clips//n_teachers)
    size = t.groupby(['sign','participant_id']).size()
    teachers = size[size>=least].reset_index().groupby('sign').participant_id.apply(list)
    shown = t.groupby('sign').participant_id.nunique()
    teachers = teachers[[len(o)>=n_teachers and (not need_others or shown[s]>n_teachers) for s,o in teachers.items()]]
    if same:
        by = teachers.explode().reset_index().groupby('participant_id').sign.apply(list)
        by = by[by.map(len)>=n_signs]
        if not len(by): return None
        teacher = rng.choice(by.index)
        chosen = {s:[teacher] for s in rng.choice(by[teacher], n_signs, replace=False)}
    else:
        if len(teachers)<n_signs: return None
        chosen = {s:rng.choice(teachers[s], n_teachers, replace=False) for s in rng.choice(teachers.index, n_signs, replace=False)}
    learned = [i for s,who in chosen.items() for j,w in enumerate(who)
               for i in rng.permutation(t.index[(t.sign==s) & (t.participant_id==w)])[:len(range(j, n_clips, n_teachers))]]
    return sorted(chosen),np.array(learned)

def tested(fold, signs, learned, rng):
    "The clips that test an episode: of others, of the teachers, and of other signs by others"
    t = fold.table.sample(frac=1, random_state=int(rng.integers(2**31)))
    theirs,new = t.participant_id.isin(t.participant_id[learned]),~t.index.isin(learned)
    some = t[t.known & t.sign.isin(signs) & new].groupby(['sign','participant_id']).head(TESTED)
    taught = {*zip(t.sign[learned], t.participant_id[learned])}
    own = some.index[[k in taught for k in zip(some.sign, some.participant_id)]]
    same = {*signs, *(o for s in signs for o in SAME.get(s, ()))}
    return some.index[~some.participant_id.isin(t.participant_id[learned])],own,t.index[~theirs & ~t.sign.isin(same)][:UNKNOWN]

# what is compared: each returns the signs' scores and the best sign's score

def few_shot(fold, learned, signs):
    "The head in closed form"
    head = fit_head(fold.examples[learned], fold.prior)
    def judge(i):
        logits = head.logits(fold.examples.x[i])
        return softmax(logits, axis=1),logits
    return judge

def nearest(fold, learned, signs):
    "The nearest clip in resampled coordinates around the shoulders"
    known = fold.flat[learned]
    def judge(i):
        x = fold.flat[i]
        d = np.sqrt(np.maximum((x**2).sum(1)[:,None]+(known**2).sum(1)-2*x@known.T, 0))
        best = np.stack([d[:,fold.examples.signs[learned]==s].min(1) for s in signs], 1)
        return -best,-best
    return judge

def training(fold, learned, signs):
    "HandModel, trained on the same clips with its recipe"
    cfg,rng = fold.model.cfg,np.random.default_rng(0)
    x,mask = fold.x[learned],fold.mask[learned]
    y = np.array([signs.index(s) for s in fold.examples.signs[learned]])
    model = create_model('HandModel', len(signs), cfg)
    model.fit_inputs(x, mask)
    model.plan(fold.steps, cfg.ONE_CYCLE)
    for _ in range(fold.steps):
        i = rng.choice(len(y), min(BATCH, len(y)), replace=False)
        model.train_mode()
        batch = augment_batch(x[i], mask[i], cfg, 1., rng=rng),mask[i],y[i]
        model.training_step([torch.from_numpy(o) for o in batch])
        model.optimize()
        model.step_scheduler()
    model.sidecar['label_map'] = {s:k for k,s in enumerate(signs)}
    model.eval_mode()
    def judge(i):
        logits = model.clip_logits(fold.x[i], fold.mask[i])
        return softmax(logits, axis=1),logits
    return judge

METHODS = dict(few_shot=few_shot, nearest=nearest, training=training)

def macro(right, signs):
    "Mean over signs; NaN if there are no clips"
    return pd.Series(right, dtype=float).groupby(np.asarray(signs)).mean().mean()

def measure(fold, method, signs, learned, tests):
    "How good one method is in one episode"
    judge,found,n = METHODS[method](fold, learned, signs),{},len(signs)
    for name,i in zip(('others','own','unknown'), tests):
        if not len(i): continue
        scores,logits = judge(i)
        best,truth = scores[:,:n].argmax(1),fold.examples.signs[i]
        right = np.array(signs)[best]==truth
        found[name] = scores[:,:n].max(1),right
        named = logits.argmax(1)<n
        if name!='unknown': found |= {f'{name}_right':macro(right, truth), f'{name}_named':macro(right & named, truth)}
        else: found['unknown_named'] = named.mean()
        if name=='others' and method=='few_shot':
            at = np.array([signs.index(s) for s in truth])
            found['temperature'] = fit_temperature(softmax(logits, axis=1), at)*fold.prior.temperature
    if 'others' in found and 'unknown' in found and found['others'][1].any():
        found['false'] = accepted(*found['others'], found['unknown'][0], .8).false_accepts.iloc[0]
    return {k:v for k,v in found.items() if k not in ('others','own','unknown')}

def plan(sizes):
    "The kinds of episodes: signs, clips, teachers, whether one person teaches all"
    kinds = [(s, c, t, t==1 and same) for s in sizes for c in CLIPS for t in TEACHERS if t<=c for same in (True,False)]
    return [*dict.fromkeys(kinds)]

def run_fold(group, number, signs, signers, args):
    "All episodes of a fold"
    name = f'{group}{number}'
    done = args.out/name/'episodes.csv'
    if done.exists(): return pd.read_csv(done)
    fold,rows = Fold(name, signs, signers, args),[]
    print(f'{name}: {len(signs)} signs, {fold.table.known.sum()} clips of {len(signers)} signers', flush=True)
    for n,c,t,same in plan(args.sizes[group]):
        for e in range(args.episodes):
            rng = np.random.default_rng([number, n, c, t, same, e])
            drawn = draw(fold, n, c, t, same, True, rng) or draw(fold, n, c, t, same, False, rng)
            if drawn is None: break
            tests,who = tested(fold, *drawn, rng),fold.table.participant_id[drawn[1]]
            kind = dict(group=group, fold=number, signs=n, clips=c, teachers=t, same=same, episode=e,
                        cluster=f'{who.iloc[0]}' if same else f'{name} {e}')
            methods = [m for m in METHODS if m!='training' or (e<args.trainings and c==10 and t==1)]
            rows += [dict(kind, method=m, **measure(fold, m, *drawn, tests)) for m in methods]
    table = pd.DataFrame(rows)
    with atomic_path(done) as tmp: table.round(4).to_csv(tmp, index=False)
    return table

# tables

def cell(values, clusters):
    "A mean with its interval, as text"
    known = values.notna()
    if not known.any(): return '-'
    low,high = bootstrap_interval(values[known], clusters[known], np.random.default_rng(0))
    return f'{values.mean():.2f}' + ('' if np.isnan(low) else f' ({low:.2f} to {high:.2f})')

def row(t, **what):
    "A line of a table: what was learned, and how good each method is"
    of = lambda m, c: cell(t[t.method==m][c], t[t.method==m].cluster) if c in t else '-'
    return {**what, 'others':of('few_shot','others_right'), 'own':of('few_shot','own_right'),
            'false':of('few_shot','false'), 'nearest: others':of('nearest','others_right'), 'own ':of('nearest','own_right'),
            'false ':of('nearest','false'), 'training: others':of('training','others_right'), 'own  ':of('training','own_right')}

def tables(t):
    "The results as text"
    who = lambda same, n: 'the same' if same else 'one a sign' if n==1 else f'{n} a sign'
    ten = t[(t.clips==10) & (t.teachers==1)]
    by_size = [row(g, signs=f'{n} {group}', teacher=who(same, 1)) for (n,group,same),g in ten.groupby(['signs','group','same'])]
    seven = t[t.signs==(7 if (t.signs==7).any() else t.signs.min())]
    by_clips = [row(g, clips=str(c), teachers=who(same, n)) for (c,n,same),g in seven.groupby(['clips','teachers','same'])]
    drop = lambda rows: [{k:v for k,v in r.items() if any(q[k]!='-' for q in rows)} for r in rows]
    class_only = ten[(ten.method=='few_shot') & (ten.signs==seven.signs.iloc[0])]
    words = (f'With the class "no sign" alone and no threshold ({seven.signs.iloc[0]} signs, ten clips of one teacher): named rightly '
             f'{class_only.others_named.mean():.2f} of others\' and {class_only.own_named.mean():.2f} of the teachers\' clips, '
             f'{class_only.unknown_named.mean():.2f} of other signs are named. Temperature that fits others: '
             f'{class_only.temperature.median():.1f}.')
    return '\n\n'.join(['Ten clips of each sign, by the number of signs:', markdown(drop(by_size)),
                        f'{seven.signs.iloc[0]} signs, by clips of each sign and teachers:', markdown(drop(by_clips)), words])+'\n'

def learning_time(args):
    "CPU seconds of each step of learning 20 signs from 10 clips, on one core"
    took = dict(imports=time.process_time())
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_dataset(folder/'data', n_signs=20, n_signers=1, n_clips=10, progress=False)
        prior = load_prior()
        def timed(name, fn):
            start = time.process_time()
            out = fn()
            took[name] = time.process_time()-start
            return out
        model = timed('load', lambda: load_model_from_checkpoint(args.timed))
        store = timed('read', lambda: open_store(folder/'data', model.cfg.replace(ROOT_PATH=str(folder)), progress=False))
        examples = timed('embed', lambda: embed_rows(model, store))
        timed('fit', lambda: fit_head(examples, prior))
        timed('leave out', lambda: left_out_logits(examples, prior))
    return 'learning 20 signs from 10 clips each, CPU seconds: '+', '.join(f'{k} {v:.2f}' for k,v in took.items())+f'; together {sum(took.values()):.1f}'

def run(args):
    "Everything, in order"
    table = glosses([args.data], read_labels())
    new,parts = groups(table, args.common, args.many),[]
    for group in args.groups:
        for number,signers in enumerate(test_signers(table, new[group], args.split)[:args.folds]):
            parts.append(run_fold(group, number, new[group], signers, args))
    found = pd.concat(parts, ignore_index=True)
    with atomic_path(args.out/'episodes.csv.gz') as tmp: found.to_csv(tmp, index=False)
    text = tables(found)
    with atomic_path(args.out/'few_shot.md') as tmp: tmp.write_text(text, encoding='utf-8')
    print(text)

def small(args, folder):
    "Synthetic signers and one epoch"
    args.data,args.negatives,args.out = folder/'data',folder/'others',folder/'out'
    make_dataset(args.data, n_signs=4, n_signers=8, n_clips=11, progress=False)
    make_dataset(args.negatives, n_signs=4, n_signers=8, n_clips=2, seed=1, progress=False)
    args.common,args.many,args.episodes,args.trainings,args.groups = 8,4,1,1,['common']
    args.sizes,args.steps = dict(common=(2,3)),2
    args.settings = ['EPOCHS=1', *args.settings]

def check(args):
    "What the functions promise, on what `small` made"
    t = glosses([args.data], read_labels())
    a,b = test_signers(t, [*t.sign.unique()], 2)
    assert not {*a}&{*b} and {*a}|{*b}=={*t.participant_id}
    assert groups(t, 8)['common']==sorted(t.sign.unique()) and groups(t, 9, 9)['common']==[]
    found = pd.read_csv(args.out/'episodes.csv.gz')
    assert {*found.method}>={'few_shot','nearest'} and found.others_right.dropna().between(0, 1).all()
    print('few_shot: backbones trained without signs and signers; episodes drawn and measured')

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('settings', nargs='*', metavar='KEY=value')
    parser.add_argument('--data', type=Path, help='data folder of signs')
    parser.add_argument('--negatives', type=Path, help='data folder of other signs and movements')
    parser.add_argument('--backbone', type=Path, help='a checkpoint that knows neither the signs nor the signers')
    parser.add_argument('--out', type=Path, default=Path('out/few_shot'), help='folder for everything')
    parser.add_argument('--episodes', type=int, default=16, help='of each kind and fold')
    parser.add_argument('--trainings', type=int, default=3, help='episodes of each kind in which HandModel is trained')
    parser.add_argument('--split', type=int, default=2, help='parts that the signers are dealt to')
    parser.add_argument('--folds', type=int, default=2, help='of these parts, how many are tested')
    parser.add_argument('--groups', type=lambda s: s.split(','), default=[*SIZES], help='common, shared')
    parser.add_argument('--timed', type=Path, help='only print how long learning with this backbone takes')
    parser.add_argument('--check', action='store_true', help='small, on synthetic signers')
    args = parser.parse_intermixed_args()
    args.common,args.many,args.sizes,args.steps = COMMON,MANY,SIZES,STEPS
    if args.timed: return print(learning_time(args))
    with tempfile.TemporaryDirectory() as folder:
        if args.check: small(args, Path(folder))
        if not (args.data and args.negatives): parser.error('expected --data and --negatives')
        args.cfg,args.overrides = load_run_config(words=[*SETTINGS, f'ROOT_PATH={args.out}', *args.settings])
        run(args)
        if args.check: check(args)

if __name__=='__main__': main()
