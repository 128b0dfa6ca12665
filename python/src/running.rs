//! Long work on a thread of its own, while the thread that called sees signals and tells the progress.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use segprep::engine::Cancel;
use segprep::run::{Progress, ProgressView};

use crate::failure;
use crate::process::{ClosedToOthers, Panicked, caught, leave_no_core_dump};

/// How often signals are looked for, and the progress is told.
const TICK: Duration = Duration::from_millis(100);
/// How long work may go on after it was stopped; as that of the program.
const DEADLINE: Duration = Duration::from_millis(9300);
const SIGINT: i32 = 2;

type Ended<T> = Mutex<Receiver<Result<T, Panicked>>>;

/// Does work, and calls `progress` meanwhile. If a signal handler of Python raises (`KeyboardInterrupt`), or
/// `progress` does, the work is stopped as by SIGINT, and cleans up before the exception is raised.
pub(crate) fn attended<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Progress, &Cancel) -> T + Send + 'static,
) -> PyResult<T> {
    leave_no_core_dump();
    let (counters, cancel) = (Arc::new(Progress::default()), Cancel::new());
    let (done, ended) = mpsc::channel();
    let of_work = (Arc::clone(&counters), cancel.clone());
    let thread = thread::Builder::new().name("segprep".to_owned()).spawn(move || {
        let closed = ClosedToOthers::new();
        let result = caught(|| work(&of_work.0, &of_work.1));
        drop(closed);
        // Nobody waits any more for work that did not stop in time.
        done.send(result).ok();
    });
    thread
        .map_err(|error| PyRuntimeError::new_err(format!("no thread can be started: {error}")))?;
    let ended: Ended<T> = Mutex::new(ended);
    loop {
        if let Some(result) = wait(py, &ended, TICK) {
            let value = result.map_err(|panicked| failure::defect(py, &panicked))?;
            tell(progress, counters.view())?;
            return Ok(value);
        }
        let heard = py.check_signals().and_then(|()| tell(progress, counters.view()));
        if let Err(raised) = heard {
            cancel.signal(SIGINT);
            wait(py, &ended, DEADLINE);
            return Err(raised);
        }
    }
}

/// Waits so long for the work to end, without the GIL.
fn wait<T: Send>(py: Python<'_>, ended: &Ended<T>, most: Duration) -> Option<Result<T, Panicked>> {
    let received = py.detach(|| {
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(most)
    });
    match received {
        Ok(result) => Some(result),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => {
            Some(Err(Panicked("the end of a thread".to_owned())))
        }
    }
}

fn tell(progress: Option<&Bound<'_, PyAny>>, view: ProgressView) -> PyResult<()> {
    let Some(callback) = progress else { return Ok(()) };
    let ProgressView { bytes_total, bytes_read, records_read, records_rejected, .. } = view;
    callback.call1((bytes_read, bytes_total, records_read, records_rejected)).map(|_| ())
}
