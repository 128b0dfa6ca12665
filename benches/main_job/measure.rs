//! Measures the wall time, the processor time and the peak memory of one process.
//!
//! All three are read from outside the process, through `/proc`, so this only works on Linux.
//!
//! - Wall time is exact: from before the start until the process has ended.
//! - Processor time is the user and system time of all threads, read after the process has ended and
//!   before it is reaped. The kernel reports both rounded down to 10 ms, so the sum is up to 20 ms too
//!   low. Use inputs that take a second or more.
//! - Peak memory is `VmHWM`, the maximum resident size, including mapped files. It is read every 2 ms
//!   while the process runs, so only growth in the last 2 ms is missed.

use std::{
    error::Error,
    fs, io,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
}

const SAMPLE_EVERY: Duration = Duration::from_millis(2);
/// Linux reports times in hundredths of a second, whatever its own clock (`USER_HZ`, proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// Runs a command to its end.
///
/// # Errors
///
/// Fails if the command does not start or its exit code is not 0. Its standard error is passed through.
pub(crate) fn measure(command: &mut Command) -> Result<Cost, Box<dyn Error>> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (wall, peak_bytes) = watch(&child, started)?;
    let cpu = cpu_time(child.id());
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{} ended with {status}", command.get_program().display()).into());
    }
    Ok(Cost { wall, cpu: cpu?, peak_bytes })
}

/// Waits for the end without reaping, so that `/proc` still has the process.
fn watch(child: &Child, started: Instant) -> io::Result<(Duration, u64)> {
    let has_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let sampler = scope.spawn(|| peak_while(child.id(), &has_ended));
        let id = WaitId::Pid(Pid::from_child(child));
        let ended = waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let wall = started.elapsed();
        has_ended.store(true, Ordering::Relaxed);
        let peak_bytes = sampler.join().expect("the sampler has nothing to panic about");
        ended?;
        Ok((wall, peak_bytes))
    })
}

fn peak_while(id: u32, has_ended: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !has_ended.load(Ordering::Relaxed) {
        // A process that has just ended has no memory.
        peak = peak_bytes(id).unwrap_or(peak);
        thread::sleep(SAMPLE_EVERY);
    }
    peak
}

fn peak_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)). The second field, the name of the program in
/// parentheses, may contain blanks, so the fields are counted after it.
fn cpu_time(id: u32) -> Result<Duration, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("`/proc` has no process times")?;
    let ticks: Vec<u32> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(TICK * ticks.iter().sum())
}
