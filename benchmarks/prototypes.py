"""Average movements of signs, the test patterns that the package bundles.

Tests and demos need clips of real signs without showing anyone's recording. `average_movement` makes one from a sign's
clips: a statistic over signers, not a copy of a clip. Each clip is measured in shoulder widths from the middle of its
shoulders, with the dominant hand on the right, and stretched to the same number of frames. Then time is aligned by
dynamic time warping (Sakoe and Chiba 1978): each frame of the average takes those frames of a clip that are aligned with
it on the path with the smallest difference. A point that only one clip shows costs UNSEEN, and pausing on either side
costs PAUSE, both in shoulder widths.

The average begins with the clip that is nearest to clips of other signers, takes from each signer the clip nearest to
it, and of these the nearest ones of at most MOST_SIGNERS signers: averaged over everyone, people who sign in different
ways would blur into a movement that nobody makes. A point is kept only if at least FEWEST_SIGNERS signers show it, so no
single recording can be recovered from it.

    python benchmarks/prototypes.py  # checks the functions; benchmarks/pretrained.py calls them
"""
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np

from asl_nb.data.preprocess import ANCHORS, body_frame, left_dominant, resize
from asl_nb.landmarks import FLIP, LEFT_HAND, LEFT_SHOULDER, NOSE, RIGHT_HAND, RIGHT_SHOULDER, WRIST
from asl_nb.pretrained import PICTURE_ASPECT, PICTURE_ORIGIN, PICTURE_UNIT, load_prototypes
from asl_nb.utils import atomic_path

AVERAGE_FRAMES = 30
UNSEEN,PAUSE = .5,.02          # shoulder widths
FEWEST_SIGNERS,MOST_SIGNERS = 4,6
HANDS = np.r_[LEFT_HAND, RIGHT_HAND]

def in_body_units(
    lm,    # (T, 543, 2 or 3) landmarks
    aspect # width / height of the picture
)->np.ndarray: # (AVERAGE_FRAMES, 543, 2) in shoulder widths from the shoulders' middle, dominant hand on the right
    "A clip as if everyone had the same body"
    x = lm[...,:2]*np.float32([aspect, 1])
    offsets = np.array([0, len(x)])
    origin,unit = body_frame(x[:,ANCHORS], offsets, [aspect])
    x = ((x-origin)/unit).astype(np.float32)
    if left_dominant(x[:,[LEFT_HAND.start+WRIST, RIGHT_HAND.start+WRIST]], offsets)[0]: x = x[:,FLIP]*np.float32([-1,1])
    return resize(x, offsets, np.array([AVERAGE_FRAMES]))

def _costs(a, b):
    "(T, U) how far the hands of each frame of a are from those of each frame of b"
    a,b = a[:,None,HANDS],b[None,:,HANDS]
    gap = np.linalg.norm(a-b, axis=-1) # NaN where either was not seen
    one = np.isnan(a[...,0])!=np.isnan(b[...,0])
    return np.where(one, UNSEEN, np.nan_to_num(gap)).mean(-1)

def align(
    a, b # (T, P, 2), (U, P, 2) clips
)->tuple: # mean cost, list of (frame of a, frame of b) along the path
    "The path through two clips on which they differ least"
    cost = _costs(a, b)
    total = np.full((len(a)+1, len(b)+1), np.inf)
    total[0,0] = 0
    for i,j in np.ndindex(*cost.shape):
        total[i+1,j+1] = cost[i,j] + min(total[i,j], total[i,j+1]+PAUSE, total[i+1,j]+PAUSE)
    i,j,path = len(a),len(b),[]
    while i and j:
        path.append((i-1, j-1))
        step = np.argmin([total[i-1,j-1], total[i-1,j]+PAUSE, total[i,j-1]+PAUSE])
        i,j = i-(step!=2),j-(step!=1)
    return total[-1,-1]/len(a),path[::-1]

def _center(costs, signers):
    "The clip that is nearest to the nearest clips of other signers"
    near = lambda i: np.sort([costs[i,signers==s].min() for s in set(signers)-{signers[i]}])[:MOST_SIGNERS].mean()
    return min(range(len(costs)), key=near)

def _mean(clips, least):
    "The mean over clips, NaN where fewer than `least` show a point"
    n = (~np.isnan(clips)).sum(0)
    return np.where(n>=least, np.nansum(clips, 0)/np.maximum(n, 1), np.nan).astype(np.float32)

def _pulled(clip, onto):
    "A clip in the time of another"
    beside = [[] for _ in onto]
    for i,j in align(onto, clip)[1]: beside[i].append(j)
    return np.stack([_mean(clip[js], 1) for js in beside])

def average_movement(
    clips,   # list of (T, 543, 2 or 3) landmarks of one sign
    aspects, # width / height of each clip's picture
    signers, # who signed it
    rounds=3 # of aligning to the average so far
)->tuple: # (AVERAGE_FRAMES, 543, 2) as of `in_body_units`, number of signers in it
    "The average movement of a sign"
    clips,signers = [in_body_units(c, a) for c,a in zip(clips, aspects)],np.asarray(signers)
    n = len(set(signers))
    if n<FEWEST_SIGNERS: raise ValueError(f'expected at least {FEWEST_SIGNERS} signers, found {n}')
    costs = np.zeros((len(clips), len(clips)))
    for i,j in combinations(range(len(clips)), 2): costs[i,j] = costs[j,i] = align(clips[i], clips[j])[0]
    center = _center(costs, signers)
    of = {s:min(np.flatnonzero(signers==s), key=lambda i: costs[center,i]) for s in sorted(set(signers))}
    chosen = sorted(of.values(), key=lambda i: costs[center,i])[:MOST_SIGNERS]
    mean = clips[center]
    for _ in range(rounds): mean = _mean(np.stack([_pulled(clips[i], mean) for i in chosen]), FEWEST_SIGNERS)
    return mean,len(chosen)

def save_prototypes(
    path,      # .safetensors file to write
    prototypes # sign -> (AVERAGE_FRAMES, 543, 2) of `average_movement`
)->None:
    "Write average movements, only the points that any of them shows"
    from safetensors.numpy import save_file
    rows = np.flatnonzero(~np.isnan(np.stack(list(prototypes.values()))).all((0,1,3)))
    place = lambda x: (x[:,rows]*PICTURE_UNIT+PICTURE_ORIGIN)/[PICTURE_ASPECT,1]
    arrays = {s:np.ascontiguousarray(place(x), np.float16) for s,x in prototypes.items()} # safetensors stores memory as it lies
    with atomic_path(path) as tmp: save_file({'rows':rows, **arrays}, tmp)


def check():
    "What the functions promise, on movements that are known"
    rng = np.random.default_rng(0)
    movement = np.full((8,543,2), np.nan, np.float32)
    movement[:,RIGHT_HAND] = np.linspace(0, 1, 8)[:,None,None]
    cost,path = align(movement, movement[[0,0,1,2,3,3,4,5,6,7]])
    assert path==[(0,0),(0,1),(1,2),(2,3),(3,4),(3,5),(4,6),(5,7),(6,8),(7,9)], path
    assert np.isclose(cost, 2*PAUSE/8), cost
    assert np.isclose(align(movement, np.full_like(movement, np.nan))[0], UNSEEN/2)
    movement[:,[LEFT_SHOULDER, RIGHT_SHOULDER]],movement[:,NOSE] = [[1,0],[0,0]],[.5,-.58]
    people = [movement*size+rng.normal(0, .01, 2).astype(np.float32) for size in (.8,.9,1.,1.1,1.2)]
    average,_ = average_movement(people, [1.]*5, range(5))
    same = lambda a, b, eps: np.allclose(np.nan_to_num(a), np.nan_to_num(b), atol=eps)
    assert same(average, in_body_units(movement, 1.), .03), 'everyone made the same movement'
    hidden = [np.where(np.arange(543)[:,None]<RIGHT_HAND.start+s, p, np.nan) for s,p in enumerate(people)]
    shown = average_movement(hidden, [1.]*5, range(5))[0][0,RIGHT_HAND,0]
    assert (~np.isnan(shown)).sum()==1, 'only one point is shown by four signers'
    with tempfile.TemporaryDirectory() as d:
        save_prototypes(Path(d)/'p.safetensors', {'up':average})
        up = load_prototypes(Path(d)/'p.safetensors')['up']
    assert same((up*[PICTURE_ASPECT,1]-PICTURE_ORIGIN)/PICTURE_UNIT, average, 3e-3), 'written and read'
    print('prototypes: aligned, averaged over at least four signers, written and read')

if __name__=='__main__': check()
