"""How fast signs are recognized in clips and streams, and whether re-encoded videos get the same answer.

    python benchmarks/inference.py [--parts cold share clip stream robust] [--videos FOLDER] [--limit N]
                                   [--checkpoint everyday-11] [--check]

* cold: a new process of `asl predict CLIP.parquet`, against a new process that only imports PyTorch, in turns.
* share: what decoding, features and classification of a video take, as a share of MediaPipe Holistic's own time on the
  same frames. Loading MediaPipe and its first frame are counted on neither side; nothing is drawn.
* clip: from a clip's landmarks to the answer on one core, compared with the usual design: the model loaded anew for each
  prediction, and a table made of each frame. Both must give the same probabilities.
* stream: frames per second of StreamRecognizer on two cores, with PyTorch on two threads and on one, and the delay from
  the end of a sign to its answer: the stream's time plus the computing of that frame. The stream is the prototypes, with
  pauses of a resting body between them. Then frames per second with MediaPipe in the loop, on the frames of a video.
* robust: whether a video re-encoded, resized, mirrored or at another frame rate gets the same top-1 as it did before.

`share` and MediaPipe's loop use a moving photograph, or real VIDEOS; `robust` needs VIDEOS. A file index.csv
there (file, sign) says which videos show a sign that the recognizer knows: they come first, and are counted separately.
`--check` runs everything small, and exits with 1 if the two ways from landmarks to probabilities differ.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from asl_nb.clip import Clip
from asl_nb.landmarks import LEFT_HAND, LEFT_SHOULDER, N_ROWS, POSE, RIGHT_HAND, RIGHT_SHOULDER, ROW_INDEX, ROW_TYPE, write_clip
from asl_nb.predict import Recognizer
from asl_nb.pretrained import load_prototypes
from asl_nb.stream import SignRecognized, StreamRecognizer
from asl_nb.holistic import HolisticExtractor
from asl_nb.utils import DEFAULT_WEIGHTS
from asl_nb.video import find_videos as find_all
from asl_nb.video import container_info, describe_frames, iter_frames, timed_frames, write_video

PARTS = 'cold', 'share', 'clip', 'stream', 'robust'
ASPECT,FPS = 4/3,30.  # of the prototypes
clock = time.perf_counter

def seconds(fn):
    "How long a call takes"
    start = clock()
    fn()
    return clock()-start

def percentiles(values, scale=1e3): return '{:.2f}, p95 {:.2f}'.format(*np.percentile(values, (50, 95))*scale)

# the videos

def moving_photograph(n):
    "A person's photograph, shifted and zoomed, as n frames of 640 x 480"
    import cv2
    from skimage.data import astronaut
    for t in np.linspace(0, 2*np.pi, n):
        zoom = 1.1+.1*np.sin(t)
        turn = np.float32([[zoom, 0, 50+20*np.sin(2*t)], [0, zoom, -20+10*np.cos(t)]])
        yield cv2.warpAffine(astronaut(), turn, (640, 480))

def find_videos(folder, signs, limit):
    "Videos of a folder with their signs ('' where not known), those with a sign of the recognizer first"
    index = Path(folder)/'index.csv'
    if index.exists():
        table = pd.read_csv(index, dtype=str)
        table['file'] = [Path(folder)/f for f in table.file]
    else: table = pd.DataFrame({'file':find_all(folder), 'sign':''})
    if not len(table): raise FileNotFoundError(f'{folder}: expected videos, found none')
    return table.assign(known=table.sign.isin(signs)).sort_values('known', ascending=False, kind='stable').head(limit)

# a new process

def cold_start(checkpoint, lm, folder, rounds):
    "Print how long `asl predict` of one clip takes in a new process, compared with importing PyTorch"
    clip = folder/'clip.parquet'
    write_clip(clip, np.pad(lm, ((0,0), (0,0), (0,1)))) # z is not used
    predict = 'import sys; from asl_nb.cli import main; sys.exit(main())'
    words = {'asl predict CLIP.parquet':(predict, 'predict', str(clip), '--checkpoint', checkpoint),
             'import torch':('import torch',)}
    run = lambda name: subprocess.run([sys.executable, '-c', *words[name]], check=True, stdout=subprocess.DEVNULL)
    for name in words: run(name) # reads the files once
    took = {name:[] for name in words}
    for _ in range(rounds):
        for name in words: took[name].append(seconds(lambda: run(name)))
    ours,torch_alone = map(np.median, took.values())
    print(f'\nNew processes, {rounds} of each in turns, median')
    for name,s in took.items(): print(f'  {name:25}{np.median(s):6.2f} s')
    print(f'  ratio {ours/torch_alone:.2f} (at most 1.3)')

# share of MediaPipe's time

class ClockedExtractor(HolisticExtractor):
    "Holistic that measures the time inside MediaPipe, without loading and the first frame"
    loading = inside = 0.

    def __call__(self, frame):
        if self.model: return super().__call__(frame)
        start = clock()
        lm = super().__call__(frame)
        self.process,self.model.process = self.model.process,self.clocked
        self.loading += clock()-start
        return lm

    def clocked(self, frame):
        start = clock()
        results = self.process(frame)
        self.inside += clock()-start
        return results

def watch(recognizer, file):
    "Seconds of recognizing a video, inside MediaPipe and outside, and of the steps outside"
    extractor = ClockedExtractor()
    start = clock()
    clip = Clip.read(file, extractor)
    middle = clock()
    recognizer.predict(clip)
    end = clock()
    return dict(frames=len(clip), inside=extractor.inside, rest=end-start-extractor.loading-extractor.inside,
                information=seconds(lambda: container_info(file)), decoding=seconds(lambda: list(iter_frames(file))),
                classification=end-middle)

def share_of_mediapipe(recognizer, videos, rounds):
    "Print what everything except MediaPipe takes, in total and by step"
    watch(recognizer, videos[0])
    table = pd.DataFrame([watch(recognizer, file) for _ in range(rounds) for file in videos])
    total,share = table.sum(),table.rest/table.inside
    height,width,_ = next(iter_frames(videos[0])).shape
    ms = 1e3*total/total.frames
    print(f'\nShare of MediaPipe: {len(videos)} videos, {rounds} times, {total.frames:.0f} frames in total; '
          f'the first video is {width} x {height}')
    print(f'  MediaPipe       {ms.inside:8.3f} ms per frame')
    print(f'  everything else {ms.rest:8.3f} ms per frame, {total.rest/total.inside:.2%} of MediaPipe (at most 5 %); '
          f'for single videos {share.min():.2%} to {share.max():.2%}')
    for k in ('information','decoding','classification'):
        print(f'    {k:14}{ms[k]:8.3f} ms per frame, {total[k]/total.inside:.2%}')

# one clip

def frame_table(lm, t):
    "A frame's landmarks as a table in the layout of the competition's files"
    return pd.DataFrame({'frame':np.int16(t), 'type':ROW_TYPE, 'landmark_index':ROW_INDEX,
                         'x':lm[:,0].astype(float), 'y':lm[:,1].astype(float)})

def usual_way(lm, checkpoint):
    "A prediction with the model loaded anew, and a table made of each frame"
    table = pd.concat([frame_table(frame, t) for t,frame in enumerate(lm)], ignore_index=True)
    back = table[['x','y']].to_numpy(np.float32).reshape(-1, N_ROWS, 2)
    return Recognizer.from_pretrained(checkpoint).probabilities([Clip(back, ASPECT, FPS)])[0]

def one_clip(recognizer, checkpoint, clips, rounds):
    "Print the time of an answer, and the usual design's; the greatest difference of their probabilities"
    torch.set_num_threads(1)
    answer = lambda lm: recognizer.predict(lm, aspect=ASPECT, fps=FPS)
    probabilities = lambda lm: recognizer.probabilities([Clip(lm, ASPECT, FPS)])[0]
    far = max(np.abs(usual_way(lm, checkpoint)-probabilities(lm)).max() for lm in clips)
    ours,usual,load = [],[],[]
    for _ in range(rounds):
        for lm in clips:
            ours += [seconds(lambda: answer(lm)) for _ in range(5)]
            usual.append(seconds(lambda: usual_way(lm, checkpoint)))
            load.append(seconds(lambda: Recognizer.from_pretrained(checkpoint)))
    ratio = np.median(usual)/np.median(ours)
    print(f'\nOne clip of {len(clips[0])} frames, landmarks to answer, one core, {len(ours)} and {len(usual)} calls')
    print(f'  ours   p50 {percentiles(ours)} ms')
    print(f'  usual  p50 {percentiles(usual)} ms, {ratio:.1f} times ours; loading takes {np.median(load)*1e3:.1f}')
    print(f'  greatest difference of a probability: {far:.1e}')
    return far

# the stream

def resting_body(lm):
    "A frame's body with arms that hang, and hands that are not seen"
    rest = lm.copy()
    rest[LEFT_HAND] = rest[RIGHT_HAND] = np.nan
    for shoulder in (LEFT_SHOULDER, RIGHT_SHOULDER):
        rest[shoulder+2] = rest[shoulder] + [0, .35]                # elbow
        rest[shoulder+4:POSE.start+23:2] = rest[shoulder] + [0, .7] # wrist and fingers
    return rest

def make_stream(prototypes, rounds, pause, rng):
    "Landmarks of signs with pauses between them, and each sign with the times of its first and last frame with a hand"
    rest = resting_body(next(iter(prototypes.values()))[0])
    idle = lambda: [rest]*int(FPS*rng.uniform(*pause))
    frames,signs = idle(),[]
    for sign in rng.permutation(list(prototypes)*rounds):
        hands = np.concatenate([prototypes[sign][:,h] for h in (LEFT_HAND, RIGHT_HAND)], 1)
        seen = np.nonzero(~np.isnan(hands).all((1,2)))[0]+len(frames)
        signs.append((str(sign), seen[0]/FPS, seen[-1]/FPS))
        frames += [*prototypes[sign], *idle()]
    frames = np.stack(frames)
    return (frames+rng.normal(0, .001, frames.shape)).astype(np.float32),signs

def push_all(stream, frames):
    "Push all frames; seconds of each push, and (event, time of the answer in the stream, seconds of computing)"
    took,events = [],[]
    for i,lm in enumerate(frames):
        start = clock()
        found = stream.push(lm)
        took.append(clock()-start)
        events += [(e, i/FPS, took[-1]) for e in found if isinstance(e, SignRecognized)]
    return took,events

def match(signs, events):
    "Of each event that overlaps a sign: was it right, and how long after the sign's end"
    rows = [(e.sign==sign, at-end+took) for sign,start,end in signs
            for e,at,took in events if e.start<=end and e.end>=start]
    return pd.DataFrame(rows, columns=['right','delay'])

def with_mediapipe(recognizer, video):
    "Frames per second of MediaPipe and stream together, and of MediaPipe alone, on a video's frames after the first"
    stream,extractor = StreamRecognizer(recognizer, fps=FPS),ClockedExtractor()
    with extractor as extract:
        frames = iter_frames(video)
        stream.push(extract(next(frames))) # loads MediaPipe
        start = clock()
        for n,frame in enumerate(frames, 1): stream.push(extract(frame))
        return n/(clock()-start),n/extractor.inside

def stream_row(recognizer, frames, signs, live, threads):
    "Speed and delay of a stream"
    torch.set_num_threads(threads)
    stream = lambda: StreamRecognizer(recognizer, aspect=ASPECT, fps=FPS, live=live)
    push_all(stream(), frames[:100])
    took,events = push_all(stream(), frames)
    speed,found,ms = len(took)/sum(took),match(signs, events),1e3*pd.Series(took)
    return {'answers':'while a sign lasts' if live else 'after a sign', 'threads':threads, 'frames/s':round(speed),
            f'times {FPS:.0f}':round(speed/FPS, 1), 'push p50, ms':round(ms.median(), 2),
            'p95, ms':round(ms.quantile(.95), 1), 'longest, ms':round(ms.max(), 1), 'answered':len(events),
            'right':found.right.sum(),
            'delay p50, s':round(found.delay.median(), 2), 'p95, s':round(found.delay.quantile(.95), 2)}

def streamed(recognizer, prototypes, rounds, video):
    "Print speed and delay of a stream, and the speed with MediaPipe"
    frames,signs = make_stream(prototypes, rounds, (1., 2.), np.random.default_rng(0))
    rows = [stream_row(recognizer, frames, signs, live, threads) for live in (False, True) for threads in (2, 1)]
    print(f'\nStream of {len(frames)} frames with {len(signs)} signs, two cores; delay from the end of a sign')
    print(pd.DataFrame(rows).to_string(index=False))
    both,alone = with_mediapipe(recognizer, video)
    print(f'With MediaPipe {both:.1f} frames/s, MediaPipe alone {alone:.1f}')

# other versions of a video

def write_avi(path, frames, fps):
    "Write frames as Motion JPEG"
    import cv2
    frames = list(frames)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), fps, frames[0].shape[1::-1])
    for frame in frames: writer.write(np.ascontiguousarray(frame[:,:,::-1]))
    writer.release()

def poor(frame, quality=20):
    "A frame after strong JPEG compression"
    import cv2
    return cv2.imdecode(cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)

def scaled(frame, size):
    "A frame of another size"
    import cv2
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)

def at_rate(frames, fps, new):
    "The frames that a recording at another rate would have, dropped or doubled"
    picks = np.arange(round(len(frames)*new/fps))*fps/new
    return [frames[int(i+1e-6)] for i in picks]

def write_versions(file, folder):
    "Write other versions of a video; yields name and file"
    times,frames = zip(*timed_frames(file))
    info = describe_frames(file, times, frames[0])
    fps,w,h = info.fps or FPS,info.width,info.height
    write_avi(folder/'mjpg.avi', frames, fps)
    yield 'MJPG in avi',folder/'mjpg.avi'
    versions = {'mp4v':(frames, fps), 'mp4v, poor quality':(map(poor, frames), fps),
                'half the size':((scaled(f, (w//2, h//2)) for f in frames), fps),
                'odd size':((scaled(f, (int(.8*w)|1, int(.8*h)|1)) for f in frames), fps),
                'mirrored':((f[:,::-1] for f in frames), fps),
                **{f'{new} fps':(at_rate(frames, fps, new), new) for new in (15, 30, 60)}}
    for name,(pictures,rate) in versions.items():
        write_video(folder/f'{name}.mp4', pictures, rate)
        yield name,folder/f'{name}.mp4'

def compare_versions(recognizer, video):
    "Answers to a video's versions beside that to the video"
    first = recognizer.predict(video.file)
    before = first.top[0]
    print(f'  {Path(video.file).name}: {first.sign}; top-1 {before.sign} {before.probability:.2f}', flush=True)
    with tempfile.TemporaryDirectory() as d:
        for version,file in write_versions(video.file, Path(d)):
            answer = recognizer.predict(file)
            now = answer.top[0].sign
            yield dict(version=version, known=video.known, same=now==before.sign, answer=answer.sign==first.sign,
                       change=abs(dict(answer.top).get(before.sign, 0)-before.probability),
                       right=now==video.sign, before=before.sign==video.sign)

def robustness(recognizer, videos):
    "Print how often versions of videos get the same top-1 as the videos"
    print('\nAnswer to each video, and its top-1')
    rows = pd.DataFrame([row for video in videos.itertuples() for row in compare_versions(recognizer, video)])
    for known,group in rows.groupby('known', sort=False):
        by = group.groupby('version', sort=False)
        table = pd.DataFrame({'videos':by.size(), 'same top-1':by.same.mean(), 'same answer':by.answer.mean(),
                              'change of p':by.change.median()})
        if known: table['right'],table['right before'] = by.right.mean(),by.before.mean()
        kind = 'videos of signs the recognizer knows' if known else 'other videos'
        print(f'\n{videos.known.eq(known).sum()} {kind}: '
              f'same top-1 in {group.same.sum()} of {len(group)} versions ({group.same.mean():.1%}), '
              f'same answer in {group.answer.sum()}')
        print(table.round(3).to_string())

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--videos', help='a folder of real videos')
    parser.add_argument('--limit', type=int, help='use the first N videos')
    parser.add_argument('--checkpoint', default=DEFAULT_WEIGHTS)
    parser.add_argument('--check', action='store_true', help='small, and fail if the two ways to probabilities differ')
    args = parser.parse_args()
    if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2]) # two cores
    recognizer,prototypes = Recognizer.from_pretrained(args.checkpoint),load_prototypes()
    rounds,n_frames,far = (1,5,0.) if args.check else (10,90,0.)
    if args.check: prototypes = dict(list(prototypes.items())[:2])
    print(f"{time.strftime('%Y-%m-%d')}, {recognizer}, PyTorch {torch.__version__}")
    with tempfile.TemporaryDirectory() as d:
        write_video(Path(d)/'photograph.mp4', moving_photograph(n_frames), FPS)
        videos = find_videos(args.videos or d, recognizer.signs, args.limit)
        if 'cold' in args.parts:
            first = next(iter(prototypes.values()))
            cold_start(args.checkpoint, first, Path(d), 1 if args.check else 9)
        if 'share' in args.parts: share_of_mediapipe(recognizer, videos.file.tolist(), min(rounds, 3))
        if 'clip' in args.parts: far = one_clip(recognizer, args.checkpoint, list(prototypes.values()), rounds)
        if 'stream' in args.parts: streamed(recognizer, prototypes, rounds, videos.file.iloc[0])
        if 'robust' in args.parts and (args.videos or args.check): robustness(recognizer, videos)
    return int(far>1e-5)

if __name__=='__main__': sys.exit(main())
