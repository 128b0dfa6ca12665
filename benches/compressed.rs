//! The cost of reading archives: `cargo bench --bench compressed -- run`.
//!
//! Measures four rates, each in MB of uncompressed text: inflating alone, with the faster of two crates;
//! the main job on plain text with one thread; the main job on one archive with two threads, compared
//! with the smaller of the first two rates; and on ten archives with two threads, compared with what
//! both threads could do without any waiting.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[expect(dead_code, reason = "other benchmarks generate files by number of records")]
#[path = "generate/mod.rs"]
mod generate;
#[path = "main_job/job.rs"]
mod job;
#[path = "main_job/measure.rs"]
mod measure;

use std::{
    error::Error,
    fs,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use flate2::{Decompress, FlushDecompress, Status, write::GzEncoder};

use generate::{Amount, Format, Job, parse_size, write_file};
use job::{arguments, main_job, median};
use measure::Cost;

/// Measures the cost of reading archives
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench compressed --")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Measure, and print a table of medians
    Run(Options),
}

#[derive(clap::Args)]
struct Options {
    /// The size of the text
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "200MB")]
    bytes: u64,
    /// The number of runs of each
    #[arg(long, value_name = "K", default_value_t = 5)]
    runs: usize,
}

const FILES: u64 = 10;
const SEED: u64 = 7;
fn main() -> Result<(), Box<dyn Error>> {
    match arguments()? {
        Some(Arguments { mode: Mode::Run(options) }) => run(&options),
        None => Ok(()),
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let inputs = Inputs::made(options.bytes)?;
    let archive = fs::read(&inputs.archive)?;
    let (mut zlib, mut whole) = (Vec::new(), Vec::new());
    let (mut plain, mut one, mut ten) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=options.runs {
        println!("round {round} of {}", options.runs);
        zlib.push(timed(|| inflate_streaming(&archive))?);
        whole.push(timed(|| inflate_whole(&archive))?);
        plain.push(main_job(&inputs.plain, 1, &[])?);
        one.push(main_job(&inputs.archive, 2, &[])?);
        ten.push(main_job(&inputs.folder, 2, &[])?);
    }
    let walls = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall).collect());
    let (zlib, whole) = (median(zlib), median(whole));
    let inflate = zlib.min(whole);
    let (plain_wall, one_wall, ten_wall) = (walls(&plain), walls(&one), walls(&ten));
    let plain_cpu = median(plain.iter().map(|cost| cost.cpu).collect());
    let bound = inflate.max(plain_wall);
    let ideal = (inflate + plain_cpu) / 2;
    println!("\nmedians of {} runs, MB of text per second", options.runs);
    let line = |what: &str, wall| println!("{what:44} {:8.0}", rate(inputs.bytes, wall));
    line("inflating alone, zlib-rs in pieces", zlib);
    line("inflating alone, zune-inflate as a whole", whole);
    line("main job, plain text, 1 thread", plain_wall);
    line("main job, one archive, 2 threads", one_wall);
    line("main job, ten archives, 2 threads", ten_wall);
    println!("one archive: {} of the smaller of the first rates", share(bound, one_wall));
    println!("ten archives: {} of the rate without waiting", share(ideal, ten_wall));
    let peak = [&plain, &one, &ten].map(|costs| costs.iter().map(|cost| cost.peak_bytes).max());
    println!("peak memory in MiB: {:?}", peak.map(|peak| peak.unwrap_or(0) >> 20));
    Ok(())
}

/// The text, an archive of it, and a folder with an archive of each tenth of it.
struct Inputs {
    bytes: u64,
    plain: PathBuf,
    archive: PathBuf,
    folder: PathBuf,
}

impl Inputs {
    /// Generates the files, unless an earlier run did.
    fn made(bytes: u64) -> io::Result<Inputs> {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data");
        fs::create_dir_all(&base)?;
        let plain = base.join(format!("endpoints-{bytes}.ndjson"));
        let archive = base.join(format!("endpoints-{bytes}.ndjson.gz"));
        let folder = base.join(format!("endpoints-{bytes}-tenths"));
        if !plain.exists() {
            println!("generating {}", plain.display());
            let job = Job {
                amount: Amount::Bytes(bytes),
                format: Format::Ndjson,
                seed: SEED,
                invalid: 0.02,
            };
            write_file(&job, &plain)?;
        }
        if !folder.exists() {
            println!("generating archives");
            let mut lines = BufReader::new(fs::File::open(&plain)?);
            pack(&mut lines, u64::MAX, &archive)?;
            let mut lines = BufReader::new(fs::File::open(&plain)?);
            fs::create_dir(&folder)?;
            for number in 0..FILES {
                let most = if number + 1 == FILES { u64::MAX } else { bytes / FILES };
                pack(&mut lines, most, &folder.join(format!("{number}.ndjson.gz")))?;
            }
        }
        Ok(Inputs { bytes: fs::metadata(&plain)?.len(), plain, archive, folder })
    }
}

/// Compresses lines until at least `bytes` bytes of text are compressed.
fn pack(lines: &mut impl BufRead, bytes: u64, to: &Path) -> io::Result<()> {
    let file = BufWriter::new(fs::File::create(to)?);
    let mut encoder = GzEncoder::new(file, flate2::Compression::default());
    let (mut line, mut packed) = (Vec::new(), 0);
    while packed < bytes && 0 < lines.read_until(b'\n', &mut line)? {
        encoder.write_all(&line)?;
        packed += u64::try_from(line.len()).map_err(io::Error::other)?;
        line.clear();
    }
    encoder.finish()?.flush()
}

fn timed(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

fn inflate_streaming(archive: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut member = Decompress::new_gzip(15);
    let mut piece = vec![0; 256 << 10];
    loop {
        let used = usize::try_from(member.total_in())?;
        let rest = archive.get(used..).unwrap_or(&[]);
        let status = member.decompress(rest, &mut piece, FlushDecompress::None)?;
        std::hint::black_box(&piece);
        if status == Status::StreamEnd {
            return Ok(());
        }
    }
}

fn inflate_whole(archive: &[u8]) -> Result<(), Box<dyn Error>> {
    let options =
        zune_inflate::DeflateOptions::default().set_limit(usize::MAX).set_confirm_checksum(true);
    let text = zune_inflate::DeflateDecoder::new_with_options(archive, options)
        .decode_gzip()
        .map_err(|error| format!("{error:?}"))?;
    std::hint::black_box(text);
    Ok(())
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "bytes stay below 2^53")]
fn rate(bytes: u64, wall: Duration) -> f64 {
    bytes as f64 / 1e6 / wall.as_secs_f64()
}

fn share(wanted: Duration, wall: Duration) -> String {
    format!("{:.0} %", 100.0 * wanted.as_secs_f64() / wall.as_secs_f64())
}
