// The types that the page's modules hand each other. Only tsc reads this file; it is not given out.

type Tensor = import("./engine/conv.js").Tensor;
type Model = import("./engine/client.js").Model;
type Lab = import("./main.js").Lab;
type State = import("./ui/state.js").State;
type Receipt = import("./ui/receipt.js").Receipt;
type Rgb = import("./ui/colour.js").Rgb;
type Path = import("./engine/diffusion.js").Path;
type Engine = ReturnType<typeof import("./engine/client.js").openEngine>;
/** The words of a room. */
type Words = (key: any, values?: Record<string, any>) => string;

/** Amounts of image and noise at a time, and their derivatives. */
type Coef = {a: number; s: number; da: number; ds: number};
/** The network predicts p x0 + q eps. */
type Target = (c: Coef) => [p: number, q: number];
/** The best guess of x0: all that a solver sees of a network. */
type Denoise = (x: Tensor, t: number) => Tensor;
/** Noise(seed, purpose, index, count, draw): numbers as inkbloom/philox.py draws them. */
type Noise = (seed: number, purpose: string, index: number, count: number, draw?: number) => Float32Array;
/** Yields x after each step and the guess x0 that made it. `times` falls from the noise level of x to 0; noise(k): new Gaussian
 * noise for step k = 1, 2, ... */
type Solver = (denoise: Denoise, x: Tensor, times: number[], path: Path, noise?: (k: number) => Tensor)
  => Generator<[x: Tensor, x0: Tensor], void>;
/** u: steps + 1 numbers from 0 to 1; gives the times, which fall from `start` to 0. */
type Spacing = (u: number[], path: Path, start: number) => number[];

/** One operation of a network: the names of its inputs and weights, its output's shape, the module that it comes from, and what
 * the operation is told. */
type Step = {name: string; op: string; inputs: string[]; weights: string[]; shape: number[]; layer: string; [told: string]: any};
/** The picture, the noise level, and the number of the condition, or null where the network has none. */
type Inputs = {x: Tensor; t: number; y: number | null};
/** Surgery: a channel of a step's output silent, all of it zero, one of its inputs taken as zero, or a weight another. */
type Change = {kind: "mute"; step: string; channel: number} | {kind: "zero"; step: string} |
  {kind: "cut"; step: string; input: number} | {kind: "weight"; name: string; index: number; value: number};
/** What a sampler must know: sampling_of in inkbloom/exports/page_file.py. */
type Sampling = {
  shape: [number, number, number]; range: [number, number]; classes: string[]; trained: number[]; conditions: number;
  clusters: number; timed: boolean; path: string; target: string; noise: string; solver: string; spacing: string;
  clip_x0: boolean; guidance: number; times: number[];
};
/** A network in the worker. parity: its largest difference from PyTorch; about: the weights file's own table. */
type Network = {
  steps: Step[]; weights: Map<string, Tensor>; sampling: Sampling; about: Record<string, any>; parity: number; macs: number;
  parameters: number;
};
/** A picture at a noise level; label: a class, or null for none in particular. With clusters, seed and index draw one. */
type Seen = {x: Tensor; t: number; label?: number | null; guidance?: number; seed?: number; index?: number};
/** What is to be sampled; what is left out is as the model's recipe says. x: the picture to go on from, else noise by seed and
 * index; times: the noise levels, instead of steps and spacing; from: how many of the steps are already done in x. */
type Asked = {
  x?: Tensor; seed?: number; index?: number; label?: number | null; guidance?: number; steps?: number; times?: number[];
  solver?: string; spacing?: string; from?: number; changes?: Change[];
};
/** After step k: x at time t, and the guess that made it; where it starts there is none. */
type Progress = {k: number; t: number; x: Tensor; x0: Tensor | null; ms: number};
/** One end of a worker, or of a channel where there are no workers. */
type Port = {postMessage: (message: any) => void; onmessage: ((event: MessageEvent) => void) | null};
/** Sums of products: conv.js has a plain one, wasm.js a faster one. */
type Sums = (x: Float32Array, weight: Float32Array, bias: Float32Array | null, taps: Int32Array, starts: Int32Array,
  out: Float32Array) => void;

/** Room 4: a convolution, and the steps up to the next one that work on its maps. */
type Card = {number: number; index: number; step: Step; steps: Step[]; stage: number; kernel: number[]; inputs: number;
  parameters: number; macs: number};
/** Cards of one size, side by side; depth: how many sizes are larger. */
type Stage = {cards: Card[]; size: number[]; depth: number};
/** A value that is handed on past smaller sizes: an input of step `index`. */
type Skip = {index: number; input: number; from: number; to: number; channels: number};
/** time, label: the steps that tell the network these. */
type Net = {steps: Step[]; cards: Card[]; stages: Stage[]; skips: Skip[]; weights: Map<string, Tensor>; macs: number;
  time: number; label: number};
/** What the network makes of the picture: without and with surgery, by the names of the steps. */
type Pass = {x: Tensor; before: Record<string, Tensor>; after: Record<string, Tensor>; changes: Change[]};
/** Where a number of a tensor stands. */
type Place = {channel: number; row: number; column: number};

/** Room 5: what the state asks for, and its frames. */
type Wanted = ReturnType<typeof import("./rooms/walk.js").wanted>;
type Walk = ReturnType<typeof import("./rooms/walk.js").createWalk>;
/** x after a step and the guess that made it; raw: x before a hand painted on it; ahead: Heun's second look. */
type Frame = {x: Tensor; x0: Tensor | null; ms: number; raw?: Tensor; ahead?: Tensor; asked?: boolean};
/** What a hand does to x after step `at`. */
type Edit = {at: number; paint: (x: Tensor) => Tensor};
/** What meets in a step: x before it, the guess x0, the guess before (old), Heun's second look (ahead), new noise z. */
type Factors = ["x" | "x0" | "old" | "ahead" | "z", number][];
/** Pixel i after step k of a walk. */
type Seat = {t: Words; k: number; i: number; row: number; column: number; file: string; walk: Walk; model: Model};

/** Room 3: bins of a grid of values. */
type Grid = {low: number; high: number; bins: number};
/** What a pixel may be, and how often it is. */
type Known = {values: ArrayLike<number>; masses: ArrayLike<number>};
