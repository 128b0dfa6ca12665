//! File systems of limited size, mounted for a test.
//!
//! Mounting needs privileges. Without them, a test runs again in a child process with a user and a mount
//! namespace of its own, in which it may mount. A test that can do neither fails.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Set in the child process.
const IN_NAMESPACE: &str = "SEGPREP_TEST_IN_NAMESPACE";

/// Runs a test that mounts file systems; `name` is its path, such as `places::a_mount_point_…`.
#[track_caller]
pub(crate) fn with_mounts(name: &str, test: impl FnOnce()) {
    if env::var_os(IN_NAMESPACE).is_some() || can_mount() {
        return test();
    }
    let mut child = Command::new("unshare");
    child.args(["--user", "--map-root-user", "--mount"]);
    child.arg(env::current_exe().expect("the path of this test program"));
    child.args(["--exact", name, "--nocapture"]).env(IN_NAMESPACE, "1");
    let output = child.output().expect("`unshare` of util-linux is installed");
    let shown =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let is_run = shown[0].contains("test result: ok. 1 passed");
    assert!(
        output.status.success() && is_run,
        "{name} failed in a namespace of its own. If it could not mount a file system there: run the \
         tests as root, or allow user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, or \
         `kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu)\n{}",
        shown.concat()
    );
}

/// Whether this process may mount a file system.
fn can_mount() -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Tmpfs::try_mount(folder.path(), "16k").is_ok()
}

/// A file system in memory, which is unmounted when this is dropped.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts it on a folder; `size` is as `mount` takes it, such as `16m`.
    #[track_caller]
    pub(crate) fn mount(folder: &Path, size: &str) -> Tmpfs {
        Tmpfs::try_mount(folder, size).unwrap_or_else(|why| panic!("tmpfs can't be mounted: {why}"))
    }

    fn try_mount(folder: &Path, size: &str) -> Result<Tmpfs, String> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder);
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(Tmpfs(folder.to_owned()))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}
