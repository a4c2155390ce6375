"""What `recipe.py` compares with: the model that won the GISLR competition, and kernel ridge regression."""
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accuracy import Budget

from asl_nb.config import LIPS
from asl_nb.data.dataset import split_clips
from asl_nb.data.store import Store, open_store
from asl_nb.models.core import pick_device
from asl_nb.models.first_step import CHANNELS, HandChannels, InputShape
from asl_nb.models.registry import DEFAULT_MODEL
from asl_nb.trainer import Trainer, predict_clips

@dataclass
class Variant:
    "A row of the table: what is trained, and how"
    model: str = DEFAULT_MODEL
    settings: dict = field(default_factory=dict) # in place of its recipe's
    params: dict = field(default_factory=dict)   # keys of its configuration
    store: type = Store
    train: callable = None # its own way; None for the project's

def train_model(variant, cfg, data, run_dir, budget, more=None):
    "Train until the budget is used up: the trainer, what to note, and what gives the scores of clips"
    trainer = Trainer(cfg, data, model_config=more, model_name=variant.model, run_dir=run_dir, progress=False,
                      overrides=variant.params)
    clock = Budget(budget, pick_device(cfg.DEVICE))
    trainer.add_callback(clock)
    history = trainer.train()
    trainer.writer.close()
    weights = sum(v.numel() for v in trainer.model.parameters())
    facts = dict(seconds=clock.used(), epochs=len(history), weights=weights)
    return trainer,facts,partial(predict_clips, trainer.model)

# ---- the 1st place

class FaceCentered(Store):
    "Clips as the 1st place normalizes them: around their mean of a point of the lips, by their standard deviation"
    def gather(self, idxs, cfg):
        x,mask = super().gather(idxs, cfg.replace(STANDARDIZE=False))
        lip = x[:,:,cfg.USEFUL_FACE_LANDMARKS.index(17)]
        seen = ~np.isnan(lip).all((1,2))
        middle = np.full((len(x), 2), .5, np.float32)
        middle[seen] = np.nanmean(lip[seen], 1)
        x = x-middle[:,None,None]
        spread = np.sqrt(np.nan_to_num(x**2).sum((1,2))/(~np.isnan(x)).sum((1,2)).clip(1)) # b c
        return x/np.where(spread>0, spread, 1).astype(np.float32)[:,None,None],mask

def cosine(n_epochs):
    "The 1st place's optimizer and schedule, without lookahead"
    return dict(optimizer=dict(name='RAdam', params=dict(lr=4e-3, weight_decay=.1, decoupled_weight_decay=True)),
                scheduler=dict(name='CosineAnnealingLR', params=dict(T_max=n_epochs)))

def train_winner(variant, cfg, data, run_dir, budget):
    "Train the 1st place; two epochs before tell how many end with the budget, and the cosine with them"
    with tempfile.TemporaryDirectory() as trial:
        _,facts,_ = train_model(variant, cfg.replace(EPOCHS=2), data, Path(trial), np.inf, cosine(2))
    n_epochs = max(1, int(2*budget/facts['seconds']))
    return train_model(variant, cfg.replace(EPOCHS=n_epochs), data, run_dir, np.inf, cosine(n_epochs))

WINNER = Variant('ConvTransformer', dict( # clips of a webcam are seldom longer than 32 frames
    USEFUL_FACE_LANDMARKS=(*LIPS, 1, 2, 98, 327), USEFUL_POSE_LANDMARKS=(), RESIZE='pad', INPUT_SIZE=32,
    INTERPOLATE_MISSING=0, KEEP_EPOCH='last',
    AUGMENTATIONS=('temporal_resample', 'mirror', 'shift', 'scaling', 'rotation', 'shear', 'temporal_mask',
                   'spatial_cutout')),
    dict(local_hands=False, dropout=.2, head_dropout=.8), FaceCentered, train_winner)

# ---- kernel ridge

PER_GROUP,COPIES,SEGMENTS,LAMBDA = 8,3,8,.1 # clips per signer and sign, augmented copies, means over time, penalty

def segment_means(dataset, channels, rng=None):
    "Means of each group's channels over segments of time, (n, segments*channels)"
    x,mask,_ = dataset.batch(np.arange(len(dataset)), rng)
    with torch.no_grad(): found = [c(torch.from_numpy(x), torch.from_numpy(mask)).numpy() for c in channels]
    parts = np.array_split(np.arange(x.shape[1]), SEGMENTS)
    return [np.concatenate([f[:,p].mean(1) for p in parts], 1) for f in found]

def distances(a, b):
    "Squared distances of the rows of each group"
    return [np.maximum((p**2).sum(1)[:,None]+(q**2).sum(1)-2*p@q.T, 0) for p,q in zip(a, b)]

def kernel_ridge(x, y, x_test, n_classes):
    "Scores of test clips from groups of features; no training"
    from scipy.linalg import solve
    d2 = distances(x, x)
    scales = [d.mean() for d in d2]
    d2,test = (sum(d/s for d,s in zip(o, scales)) for o in (d2, distances(x_test, x)))
    weight = np.bincount(y, minlength=n_classes)[y]**-.5
    width = 2*d2.mean()
    gram = np.exp(-d2/width)
    gram[np.diag_indices_from(gram)] += LAMBDA*weight.mean()/weight
    alpha = solve(gram, np.eye(n_classes, dtype=gram.dtype)[y], assume_a='pos', overwrite_a=True)
    return np.exp(-test/width)@alpha

def few_clips(table, clips, seed):
    "At most PER_GROUP of some clips per signer and sign"
    some = table.loc[clips].sample(frac=1, random_state=seed).groupby(['participant_id','sign']).head(PER_GROUP)
    return np.sort(some.index.to_numpy())

def fitted_channels(data, cfg):
    "Each group of HandModel's channels, with the statistics of some clips"
    channels = [HandChannels(InputShape.of(cfg), [g]) for g in CHANNELS]
    x,mask,_ = data.batch(np.arange(len(data)))
    for c in channels: c.fit(torch.from_numpy(x), torch.from_numpy(mask))
    return channels

def train_ruler(variant, cfg, data, run_dir, budget):
    "Kernel ridge regression, which needs no training"
    trainer = Trainer(cfg.replace(MIXUP=0., AUGMENTED_COPIES=0), data, model_name=variant.model, run_dir=run_dir,
                      progress=False)
    clock,table = Budget(np.inf, pick_device('cpu')),trainer.dataset.metadata_df
    clips = table.index[split_clips(table, trainer.split)['train']]
    train = trainer.dataset.subset(few_clips(table, clips, cfg.SEED))
    plain = train.subset(train.clips, augment=False)
    channels = fitted_channels(plain, cfg)
    copies = [segment_means(train, channels, np.random.default_rng([cfg.SEED, k])) for k in range(COPIES)]
    x = [np.concatenate(g) for g in zip(segment_means(plain, channels), *copies)]
    y,n = np.tile(train.targets, 1+COPIES),len(trainer.label_map)
    predict = lambda test: kernel_ridge(x, y, segment_means(test, channels), n)
    return trainer,dict(seconds=clock.used(), epochs=0, weights=0),predict

RULER = Variant(train=train_ruler)

def check(data, cfg):
    "What the functions promise"
    cfg = cfg.replace(**WINNER.settings)
    store = FaceCentered(open_store(data, cfg, progress=False).folder)
    x,mask = store.gather(np.arange(len(store)), cfg)
    lip,spread = x[:,:,cfg.USEFUL_FACE_LANDMARKS.index(17)],np.sqrt(np.nanmean(x**2, (1,2)))
    assert mask.any(1).all() and not np.isnan(spread).any()
    assert np.allclose(np.nanmean(lip, 1), 0, atol=1e-5) and np.allclose(spread, 1, atol=1e-3), 'around the face'
    rng = np.random.default_rng(0)
    y = np.arange(60)%3
    signal,noise = rng.normal(3*np.eye(3)[y]),rng.normal(0, 100, (60, 9))
    groups = [g.astype(np.float32) for g in (signal, noise)]
    train,test = ([g[part] for g in groups] for part in (slice(40), slice(40, None)))
    scores = kernel_ridge(train, y[:40], test, 3)
    assert (scores.argmax(1)==y[40:]).mean()>.8, 'groups of any scale count alike'
    print('rivals: clips around the face in units of their spread; groups of any scale count alike')
