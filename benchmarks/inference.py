"""How fast signs are recognized in clips and streams, and whether re-encoded videos get the same answer.

    python benchmarks/inference.py [--parts cold first share memory clip stream robust] [--videos FOLDER] [--limit N]
                                   [--checkpoint everyday-11] [--check]

* cold: a new process of `asl predict CLIP.parquet`, against a new process that only imports PyTorch, in turns.
* first: a new process of each command that reads a video, until it has the landmarks of the first frame, against new
  processes that only import MediaPipe or PyTorch, in turns.
* share: what decoding, features and classification of a video take, as a share of MediaPipe Holistic's own time on the
  same frames, in processor time, which other programs disturb less. Loading MediaPipe and its first frame are counted on
  neither side. What `asl annotate` adds, which draws and writes a video, is printed beside it.
* memory: the most memory that a command needs for a video of one minute and for one of ten, with landmarks at hand in
  place of MediaPipe. Then MediaPipe's own, after some frames and after four times as many.
* clip: from a clip's landmarks to the answer on one core, compared with the usual design: the model loaded anew for each
  prediction, and a table made of each frame. Both must give the same probabilities.
* stream: frames per second of StreamRecognizer on two cores, with PyTorch on two threads and on one, and the delay from
  the end of a sign to its answer: the stream's time plus the computing of that frame. The stream is the prototypes, with
  pauses of a resting body between them. Then frames per second with MediaPipe in the loop, on the frames of a video.
* robust: whether a video re-encoded, resized, mirrored or at another frame rate gets the same top-1 as it did before.

`share` uses a moving photograph, in two sizes, and real VIDEOS; MediaPipe's loop one of them; `robust` needs VIDEOS. A file index.csv
there (file, sign) says which videos show a sign that the recognizer knows: they come first, and are counted separately.
`--check` runs everything small, and exits with 1 if the two ways from landmarks to probabilities differ.
"""
import argparse
import inspect
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from asl_nb.clip import Clip
from asl_nb.landmarks import LEFT_HAND, LEFT_SHOULDER, N_ROWS, POSE, RIGHT_HAND, RIGHT_SHOULDER, ROW_INDEX, ROW_TYPE, write_clip
from asl_nb.predict import Recognizer
from asl_nb.predict_on_video import play_video_with_predictions
from asl_nb.pretrained import load_prototypes
from asl_nb.stream import SignRecognized, StreamRecognizer
from asl_nb.holistic import HolisticExtractor, convert_frames_to_landmarks
from asl_nb.utils import DEFAULT_WEIGHTS
from asl_nb.video import find_videos as find_all
from asl_nb.video import describe_frames, iter_frames, timed_frames, write_video

PARTS = 'cold', 'first', 'share', 'memory', 'clip', 'stream', 'robust'
ASPECT,FPS = 4/3,30.  # of the prototypes
clock = time.perf_counter

def seconds(fn, clock=clock):
    "How long a call takes"
    start = clock()
    fn()
    return clock()-start

def children_time(): return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) # processor seconds of those that ended

def percentiles(values, scale=1e3): return '{:.2f}, p95 {:.2f}'.format(*np.percentile(values, (50, 95))*scale)

# the videos

def moving_photograph(n, size=(640, 480)):
    "A person's photograph, shifted and zoomed, as n frames"
    import cv2
    from skimage.data import astronaut
    larger = size[1]/480
    for t in np.linspace(0, 2*np.pi, n):
        zoom = 1.1+.1*np.sin(t)
        turn = np.float32([[zoom, 0, 50+20*np.sin(2*t)], [0, zoom, -20+10*np.cos(t)]])
        yield cv2.warpAffine(astronaut(), turn*np.float32(larger), size)

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

NO_SCREEN = {**os.environ, 'DISPLAY':'', 'WAYLAND_DISPLAY':''} # no window opens
MAIN = 'import sys; from asl_nb.cli import main; sys.exit(main())'

def in_turns(processes, rounds, code=0):
    "Seconds, and processor seconds, of new Python processes that end with this code; name -> words after `python -c`"
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=NO_SCREEN)
    run,took = lambda words: subprocess.run([sys.executable, '-c', *words], **quiet),[]
    for i in range(rounds+1): # the first round reads the files once
        for name,words in processes.items():
            start = clock(),children_time()
            ended = run(words).returncode
            took.append((name, clock()-start[0], children_time()-start[1]))
            if ended not in (0, code): raise RuntimeError(f'{name}: expected exit code {code}, found {ended}')
    table = pd.DataFrame(took[len(processes):], columns=['process','s','processor s'])
    return table.groupby('process', sort=False).median()

def cold_start(checkpoint, lm, folder, rounds):
    "Print how long `asl predict` of one clip takes in a new process, compared with importing PyTorch"
    clip = folder/'clip.parquet'
    write_clip(clip, np.pad(lm, ((0,0), (0,0), (0,1)))) # z is not used
    words = {'asl predict CLIP.parquet':(MAIN, 'predict', str(clip), '--checkpoint', checkpoint),
             'import torch':('import torch',)}
    table = in_turns(words, rounds)
    print(f'\nNew processes, {rounds} of each in turns, median')
    print(table.round(2).to_string())
    print(f'  ratio {np.divide(*table.s):.2f} (at most 1.3)')

FIRST = """import os, sys
import asl_nb.holistic as holistic
from asl_nb.cli import main
convert = holistic.results_to_landmarks
def first(results):
    convert(results)
    os._exit(9)
holistic.results_to_landmarks = first
sys.exit(main() or 1)"""

def video_commands(video, collection, out):
    "The commands that read a video, with their words; a collection holds it as SIGN/VIDEO"
    return {'predict':('predict', video), 'annotate':('annotate', video, '--out', f'{out} annotated.mp4'),
            'camera':('camera', '--camera', video, '--save', f'{out} camera.mp4'),
            'data extract':('data', 'extract', collection, '--out', f'{out} raw', '--signer', 'me')}

def first_landmarks(video, folder, rounds, commands):
    "Print how long commands take from their start to the landmarks of the first frame"
    copy = folder/'collection'/'hello'/Path(video).name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(Path(video).read_bytes())
    words = video_commands(copy, folder/'collection', folder/'first')
    hidden = 'import sys; sys.modules["tensorflow"] = None; import mediapipe'
    processes = {'import mediapipe, without TensorFlow':[hidden], 'import torch':['import torch'],
                 **{f'asl {k}':[FIRST, *words[k]] for k in commands}}
    table = in_turns(processes, rounds, code=9)
    for name in table.index[:2]: table[f'of {name}'] = table['processor s']/table['processor s'][name]
    print(f'\nTo the landmarks of the first frame: new processes, {rounds} of each in turns, median (at most 4 s)')
    print(table.round(2).to_string())

# share of MediaPipe's time

class ClockedExtractor(HolisticExtractor):
    "Holistic that measures the time inside MediaPipe and around it, without loading and the first frame"
    inside = processor = around = 0. # seconds inside; processor seconds inside, and of the rest of the extractor

    def __call__(self, frame):
        if not self.model: return self.load(frame)
        start = time.thread_time()
        lm = super().__call__(frame)
        self.around += time.thread_time()-start
        return lm

    def load(self, frame):
        lm = super().__call__(frame)
        self.detect,self.model.detect_for_video = self.model.detect_for_video,self.clocked
        return lm

    def clocked(self, *args):
        clocks = clock,time.process_time,time.thread_time
        start = [c() for c in clocks]
        results = self.detect(*args)
        inside,processor,own = (c()-s for c,s in zip(clocks, start))
        self.inside,self.processor,self.around = self.inside+inside,self.processor+processor,self.around-own
        return results

class Prepared:
    "Landmarks that are known, in place of an extractor"
    def __init__(self, lm): self.lm = lm
    def __enter__(self):
        self.coming = cycle(self.lm)
        return self
    def __exit__(self, *exc): pass
    def __call__(self, frame): return next(self.coming)

def watch(recognizer, file, folder):
    "Processor seconds for each frame of a video: MediaPipe, and what else it takes to answer, by step"
    extractor,busy = ClockedExtractor(),lambda fn: seconds(fn, time.process_time)
    frames = list(iter_frames(file))
    lm = convert_frames_to_landmarks(frames, extractor)
    n,clip = len(frames),Clip.read(file, Prepared(lm))
    del frames
    answer = lambda: recognizer.predict(Clip.read(file, Prepared(lm)))
    draw = lambda: play_video_with_predictions(file, recognizer, out=folder/'drawn.mp4', extractor=Prepared(lm))
    rest,around = busy(answer)/n,extractor.around/(n-1)
    return dict(frames=n, mediapipe=extractor.processor/(n-1), rest=rest+around, around=around,
                decoding=busy(lambda: deque(iter_frames(file), 0))/n, answer=busy(lambda: recognizer.predict(clip))/n,
                drawn=busy(draw)/n+around)

STEPS = {'decoding':'decoding', 'around':'to and from MediaPipe', 'answer':'features, model'}

def share_of_mediapipe(recognizer, videos, rounds, folder):
    "Print what everything except MediaPipe takes, in total and by step"
    watch(recognizer, videos[0], folder)
    table = pd.DataFrame([watch(recognizer, file, folder) for _ in range(rounds) for file in videos])
    ms,share = 1e3*table.mul(table.frames, axis=0).sum()/table.frames.sum(),table.rest/table.mediapipe
    height,width,_ = next(iter_frames(videos[0])).shape
    print(f'\nShare of MediaPipe: {len(videos)} videos, {rounds} times, {table.frames.sum()} frames in total; '
          f'the first video is {width} x {height}; processor time')
    row = lambda name,value,more='': print(f'  {name:24}{value:8.3f} ms per frame{more}')
    row('MediaPipe', ms.mediapipe)
    row('everything else', ms.rest, f', {ms.rest/ms.mediapipe:.2%} of MediaPipe (at most 5 %); '
        f'for single videos {share.min():.2%} to {share.max():.2%}')
    for k,name in STEPS.items(): row('  '+name, ms[k], f', {ms[k]/ms.mediapipe:.2%}')
    row('all of asl annotate', ms.drawn, f', {ms.drawn/ms.mediapipe:.2%}')

# memory

def memory(which):
    "MB of this process: VmHWM, the most so far, or VmRSS, now"
    return next(int(line.split()[1])/1e3 for line in open('/proc/self/status') if line.startswith(which))

WITHOUT_MEDIAPIPE = f"""import sys
from itertools import cycle
import numpy as np
import asl_nb.holistic as holistic
{inspect.getsource(Prepared)}
{inspect.getsource(memory)}
holistic.HolisticExtractor = lambda: Prepared(np.load(sys.argv[1]))
from asl_nb.cli import main
if main(sys.argv[2:]): sys.exit(1)
print(memory('VmHWM'))"""

def peak_memory(landmarks, words):
    "MB that a command needs, with the landmarks of a file in place of MediaPipe"
    run = [sys.executable, '-c', WITHOUT_MEDIAPIPE, landmarks, *words]
    return float(subprocess.run(run, check=True, capture_output=True, text=True, env=NO_SCREEN).stdout.split()[-1])

def memory_of_videos(prototypes, folder, lengths, commands):
    "Print the most memory that commands need for videos of two lengths (in frames)"
    lm,rows = make_stream(prototypes, 1, (1., 2.), np.random.default_rng(0))[0],{}
    np.save(folder/'landmarks.npy', np.pad(lm, ((0,0), (0,0), (0,1))))
    for n in lengths:
        video = folder/f'{n}'/'hello'/'long.mp4'
        video.parent.mkdir(parents=True)
        write_video(video, (np.full((90, 120, 3), i%256, np.uint8) for i in range(n)), FPS)
        words = video_commands(video, folder/f'{n}', folder/f'{n} out')
        rows[f'{n} frames, MB'] = {k:peak_memory(folder/'landmarks.npy', words[k]) for k in commands}
    table = pd.DataFrame(rows)
    table['ratio'] = table.iloc[:,1]/table.iloc[:,0]
    table['kB for each further frame'] = 1e3*(table.iloc[:,1]-table.iloc[:,0])/(lengths[1]-lengths[0])
    print('\nThe most memory of new processes, for a video and for one ten times as long; landmarks instead of MediaPipe')
    print(table.round(2).to_string())

def memory_of_mediapipe(video, counts):
    "Print how the memory of this process grows with the frames that MediaPipe has seen"
    frames,used = list(iter_frames(video)),{}
    with HolisticExtractor() as extract:
        for i,frame in zip(range(counts[-1]), cycle(frames)):
            extract(frame)
            if i+1 in counts: used[i+1] = memory('VmRSS')
    print('MediaPipe: '+', '.join(f'{mb:.1f} MB after {n} frames' for n,mb in used.items()))

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
            load.append(seconds(lambda: Recognizer.from_pretrained(checkpoint).model))
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
    commands = list(video_commands('', '', ''))[:1 if args.check else None]
    with tempfile.TemporaryDirectory() as d:
        folder = Path(d)
        photograph,large = folder/'photograph'/'small.mp4',folder/'large.mp4'
        photograph.parent.mkdir()
        write_video(photograph, moving_photograph(n_frames), FPS)
        write_video(large, moving_photograph(n_frames, (1920, 1080)), FPS)
        videos = find_videos(args.videos or photograph.parent, recognizer.signs, args.limit)
        real = videos.file.tolist() if args.videos else []
        if 'cold' in args.parts:
            first = next(iter(prototypes.values()))
            cold_start(args.checkpoint, first, folder, 1 if args.check else 9)
        if 'first' in args.parts: first_landmarks(photograph, folder, 1 if args.check else 9, commands)
        if 'share' in args.parts:
            groups = [photograph],[] if args.check else [large],real if args.videos else []
            for some in filter(None, groups): share_of_mediapipe(recognizer, some, min(rounds, 3), folder)
        if 'memory' in args.parts:
            memory_of_videos(prototypes, folder, (30, 300) if args.check else (1800, 18000), commands)
            memory_of_mediapipe(photograph, (5, 20) if args.check else (500, 2000))
        if 'clip' in args.parts: far = one_clip(recognizer, args.checkpoint, list(prototypes.values()), rounds)
        if 'stream' in args.parts: streamed(recognizer, prototypes, rounds, [*real, photograph][0])
        if 'robust' in args.parts and (args.videos or args.check): robustness(recognizer, videos)
    return int(far>1e-5)

if __name__=='__main__': sys.exit(main())
