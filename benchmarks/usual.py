"""The usual design of a data set, which the other benchmarks compare with: one file for each clip, augmented item by item."""
import numpy as np
import torch

from asl_nb.augmentations import MAX_SHIFT, mirror_landmarks

class Usual(torch.utils.data.Dataset):
    "The usual design: one file per clip, augmentation of each item"
    def __init__(self, folder, targets, threshold, seed=0):
        self.files,self.targets = [folder/f'{i}.npy' for i in range(len(targets))],targets
        self.threshold,self.rng = threshold,np.random.default_rng(seed)
        self.parts = slice(0,40),slice(40,61),slice(61,82),slice(82,96)

    def __len__(self): return len(self.files)

    def __getitem__(self, i):
        x = np.load(self.files[i])
        for fn in (self.resample, self.mirror, self.scale, self.rotate, self.shift, self.lose_parts, self.lose_frames):
            if self.rng.random() < self.threshold: x = fn(x)
        return torch.from_numpy(x),torch.ones(len(x), dtype=torch.bool),self.targets[i]

    def resample(self, x):
        T = len(x)
        at = (np.arange(T)-(T-1)/2)*self.rng.uniform(.7, 1.3) + (T-1)/2 + self.rng.uniform(-.1, .1)*(T-1)
        low = np.floor(at).astype(int)
        w = (at-low)[:,None,None].astype(np.float32)
        out = x[low.clip(0, T-1)]*(1-w) + x[(low+1).clip(0, T-1)]*w
        out[(at<0) | (at>T-1)] = np.nan
        return out

    def mirror(self, x): return mirror_landmarks(x)
    def middle(self, x): return np.nan_to_num(np.nanmean(x, (0,1)))
    def shift(self, x): return x + self.rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2).astype(np.float32)
    def scale(self, x): return (x-(c:=self.middle(x)))*np.float32(self.rng.uniform(.9, 1.1)) + c

    def rotate(self, x):
        a,c = np.deg2rad(self.rng.uniform(-10, 10)),self.middle(x)
        return (x-c)@np.array([[np.cos(a),np.sin(a)],[-np.sin(a),np.cos(a)]], np.float32) + c

    def lose_parts(self, x):
        x = x.copy()
        for part,rate in zip(self.parts, (.5,.2,.2,.4)):
            if self.rng.random() < rate: x[:,part] = np.nan
        return x

    def lose_frames(self, x):
        x = x.copy()
        x[self.rng.random(len(x)) < .05] = np.nan
        return x
