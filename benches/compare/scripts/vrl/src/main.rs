//! Runs a program in the language of Vector's `remap` over a file of NDJSON, on all cores:
//! `PROGRAM INPUT OUT`.
//!
//! It has no sources, sinks, buffers or acknowledgements, so it is an upper bound for Vector itself.
//! `${NAMES}` in the program are replaced from the environment. A record for which the program aborts
//! is a reject with the message as its reason.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use rayon::prelude::*;
use vrl::{
    compiler::{
        Context, ExpressionError, Program, TargetValueRef, TimeZone, compile, state::RuntimeState,
    },
    value::{Secrets, Value},
};

const NAMES: [&str; 4] = ["KEY_ENDPOINT", "KEY_USER", "KEY_EMAIL", "STARS"];
const LINES_IN_FLIGHT: usize = 32_768;
const LINES_AT_ONCE: usize = 1_024;
const BUFFER_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: PROGRAM INPUT OUT");
    let (program, input, out) = (load(&next()?)?, next()?, next()?);
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, File::open(input)?).lines();
    let output = |name| File::create(Path::new(&out).join(name));
    let mut clean = BufWriter::new(output("clean.ndjson")?);
    let mut rejects = BufWriter::new(output("rejects.ndjson")?);
    loop {
        let some: Vec<String> = lines.by_ref().take(LINES_IN_FLIGHT).collect::<io::Result<_>>()?;
        if some.is_empty() {
            break;
        }
        let written: Result<Vec<Written>, _> =
            some.par_chunks(LINES_AT_ONCE).map(|lines| Written::of(&program, lines)).collect();
        for written in written? {
            clean.write_all(&written.clean)?;
            rejects.write_all(&written.rejects)?;
        }
    }
    clean.flush()?;
    rejects.flush()?;
    Ok(())
}

fn load(path: &str) -> Result<Program, Box<dyn Error>> {
    let mut source = fs::read_to_string(path)?;
    for name in NAMES {
        source = source.replace(&format!("${{{name}}}"), &env::var(name)?);
    }
    let compiled = compile(&source, &vrl::stdlib::all()).map_err(|faults| format!("{faults:?}"))?;
    Ok(compiled.program)
}

/// The output for some lines of the input.
#[derive(Default)]
struct Written {
    clean: Vec<u8>,
    rejects: Vec<u8>,
}

impl Written {
    fn of(program: &Program, lines: &[String]) -> serde_json::Result<Written> {
        let mut written = Written::default();
        for line in lines {
            let original: serde_json::Value = serde_json::from_str(line)?;
            written.take(program, original)?;
        }
        Ok(written)
    }

    fn take(&mut self, program: &Program, original: serde_json::Value) -> serde_json::Result<()> {
        let mut value: Value = original.clone().into();
        match run(program, &mut value) {
            Ok(_) => append(&mut self.clean, &value),
            Err(error) => {
                let mut reject = original;
                reject["reason"] = reason(error).into();
                append(&mut self.rejects, &reject)
            }
        }
    }
}

fn run(program: &Program, value: &mut Value) -> Result<Value, ExpressionError> {
    let mut metadata = Value::Object(BTreeMap::new());
    let mut secrets = Secrets::default();
    let mut target =
        TargetValueRef { value, metadata: &mut metadata, secrets: &mut secrets };
    let (mut state, zone) = (RuntimeState::default(), TimeZone::default());
    program.resolve(&mut Context::new(&mut target, &mut state, &zone))
}

fn reason(error: ExpressionError) -> String {
    match error {
        ExpressionError::Abort { message, .. } => message.unwrap_or_default(),
        other => other.to_string(),
    }
}

fn append(lines: &mut Vec<u8>, value: &impl serde::Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}
