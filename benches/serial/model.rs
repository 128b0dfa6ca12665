//! A discrete-event model of a run: which thread does what, and when.
//!
//! It has the steps of a chunk with their measured costs, and the rules of the engine: one thread of the
//! pool is the coordinator, which reads chunks and places blocks in order, and does other work while it
//! has to wait; the number of chunks before and after it is bounded; the chain of a part does one piece
//! at a time, on any thread. What it leaves out: memory bandwidth, clock speeds that fall with more busy
//! cores, and the cost of waking threads. So it is a bound on what more cores can give.

/// The costs of one chunk, in seconds of one core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// Reading and framing, in order.
    pub(crate) read: f64,
    /// All stages.
    pub(crate) work: f64,
    /// Placing the block, in order.
    pub(crate) place: f64,
    /// Writing its bytes, and digesting them if that can be done apart.
    pub(crate) write: f64,
    /// Its piece of the chain; 0 if there is none.
    pub(crate) chain: f64,
}

/// How long a thread without work waits at most, in seconds.
const IDLE_MAX: f64 = 1e-5;

struct Model {
    costs: Costs,
    chunks: usize,
    queue_max: usize,
    writing_max: usize,
    read: usize,
    placed: usize,
    settled: usize,
    work_begun: usize,
    write_begun: usize,
    chain_begun: usize,
    chain_free: f64,
    /// When the step of each chunk ends.
    read_ends: Vec<f64>,
    work_ends: Vec<f64>,
    place_ends: Vec<f64>,
    write_ends: Vec<f64>,
}

/// How long `chunks` chunks take with this number of threads, in seconds.
pub(crate) fn wall(threads: usize, chunks: usize, costs: Costs) -> f64 {
    let mut model = Model {
        costs,
        chunks,
        queue_max: if threads == 1 { 1 } else { threads + 1 },
        writing_max: if threads == 1 { 0 } else { threads },
        read: 0,
        placed: 0,
        settled: 0,
        work_begun: 0,
        write_begun: 0,
        chain_begun: 0,
        chain_free: 0.0,
        read_ends: vec![f64::INFINITY; chunks],
        work_ends: vec![f64::INFINITY; chunks],
        place_ends: vec![f64::INFINITY; chunks],
        write_ends: vec![f64::INFINITY; chunks],
    };
    let mut free = vec![0.0_f64; threads];
    loop {
        let (thread, now) = free
            .iter()
            .copied()
            .enumerate()
            .min_by(|one, other| one.1.total_cmp(&other.1))
            .expect("there is a thread");
        let next = if thread == 0 { model.coordinate(now) } else { model.help(now) };
        if model.settled == chunks && model.chain_begun == chunks {
            return free.iter().copied().chain([model.chain_free]).fold(0.0, f64::max);
        }
        // A thread without work looks again when another one ends a step.
        let later = free.iter().copied().filter(|end| now < *end).fold(now + IDLE_MAX, f64::min);
        free[thread] = next.unwrap_or(later);
    }
}

impl Model {
    /// The next step of the coordinator; `None`: it waits.
    fn coordinate(&mut self, now: f64) -> Option<f64> {
        while self.settled < self.placed && self.is_settled(now) {
            self.settled += 1;
        }
        if self.writing_max < self.placed - self.settled {
            return self.help(now);
        }
        let is_full = self.read - self.placed == self.queue_max;
        if self.read < self.chunks && !is_full {
            let end = now + self.costs.read;
            self.read_ends[self.read] = end;
            self.read += 1;
            return Some(end);
        }
        if self.placed < self.read && self.work_ends[self.placed] <= now {
            let end = now + self.costs.place;
            self.place_ends[self.placed] = end;
            self.placed += 1;
            return Some(end);
        }
        self.help(now)
    }

    /// Whether the oldest block is written, and its chain has begun.
    fn is_settled(&self, now: f64) -> bool {
        self.write_ends[self.settled] <= now
    }

    /// The next step of any thread of the pool; `None`: there is none.
    fn help(&mut self, now: f64) -> Option<f64> {
        let Costs { work, write, chain, .. } = self.costs;
        let is_over = |ends: &[f64], chunk: usize| ends.get(chunk).is_some_and(|end| *end <= now);
        if is_over(&self.place_ends, self.chain_begun) && self.chain_free <= now {
            self.chain_free = now + chain;
            self.chain_begun += 1;
            return Some(self.chain_free);
        }
        if is_over(&self.place_ends, self.write_begun) {
            self.write_ends[self.write_begun] = now + write;
            self.write_begun += 1;
            return Some(now + write);
        }
        if is_over(&self.read_ends, self.work_begun) {
            self.work_ends[self.work_begun] = now + work;
            self.work_begun += 1;
            return Some(now + work);
        }
        None
    }
}
