//! Folders: resolving their paths, walking, creating, syncing and removing them.
//!
//! Below the folder that a function is given, no link is followed.

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Component, Path, PathBuf},
};

/// The most links that a path may lead through, as in the Linux kernel.
const LINKS_MAX: u32 = 40;

/// A folder that some file systems keep at their root.
const LOST_AND_FOUND: &str = "lost+found";

/// The absolute path with all links followed. Its last components need not exist yet.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    resolve_within(&std::path::absolute(path)?, LINKS_MAX)
}

fn resolve_within(path: &Path, links_left: u32) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        resolved => return resolved,
    }
    let Some(parent) = path.parent() else { return Ok(path.to_owned()) };
    if path.components().next_back() == Some(Component::ParentDir) {
        let mut resolved = resolve_within(parent, links_left)?;
        resolved.pop();
        return Ok(resolved);
    }
    if let Ok(target) = fs::read_link(path) {
        let left = links_left.checked_sub(1).ok_or(rustix::io::Errno::LOOP)?;
        return resolve_within(&parent.join(target), left);
    }
    let name = path.file_name().unwrap_or_default();
    Ok(resolve_within(parent, links_left)?.join(name))
}

/// The folders of this path that do not exist, outermost first.
pub fn missing(path: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<PathBuf> =
        path.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// Creates a folder and its parents, and syncs their names to the disk.
pub fn create(path: &Path) -> io::Result<()> {
    let new = missing(path);
    fs::create_dir_all(path)?;
    new.iter().filter_map(|folder| folder.parent()).try_for_each(sync)
}

/// Creates a folder and its parents, without syncing their names. With `private`, only the owner may
/// enter those that are new (mode 0700); otherwise the umask decides.
pub fn create_all(path: &Path, private: bool) -> io::Result<()> {
    let mode = if private { 0o700 } else { 0o777 };
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// Syncs the names in a folder to the disk.
pub fn sync(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some network file systems cannot sync a folder: they make each change of a name durable
        // at once.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// Syncs a folder and all folders below it, but not their files.
pub fn sync_all(path: &Path) -> io::Result<()> {
    let mut waiting = vec![path.to_owned()];
    while let Some(folder) = waiting.pop() {
        for child in fs::read_dir(&folder)? {
            let child = child?;
            if child.file_type()?.is_dir() {
                waiting.push(child.path());
            }
        }
        sync(&folder)?;
    }
    Ok(())
}

/// Removes a file, a link, or a folder and everything in it. Not an error if it does not exist.
pub fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes a file or a link, and no folder. Not an error if it does not exist.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes a folder and those below it, except where there are files.
pub fn remove_empty(path: &Path) -> io::Result<()> {
    let mut folders = vec![path.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.get(seen) {
        seen += 1;
        for child in children(folder)? {
            if fs::symlink_metadata(&child)?.is_dir() {
                folders.push(child);
            }
        }
    }
    folders.iter().rev().try_for_each(|folder| remove_if_empty(folder))
}

/// Removes a folder if it is empty. Not an error if it does not exist.
pub fn remove_if_empty(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Ok(())
        }
        removed => removed,
    }
}

/// The files below a folder, by their paths relative to it, in the order of names. Folders are not
/// yielded themselves. For a folder that does not exist there are none; a path to a file yields the
/// empty path.
pub fn files(root: &Path) -> Files {
    Files { root: root.to_owned(), queue: VecDeque::from([PathBuf::new()]), with_empty: false }
}

/// The same, and the empty folders below it. Their paths end in `/`.
pub fn leaves(root: &Path) -> Files {
    Files { with_empty: true, ..files(root) }
}

/// See [`files`] and [`leaves`].
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    queue: VecDeque<PathBuf>,
    with_empty: bool,
}

impl Files {
    /// The path to be yielded, if this is a file or an empty folder. What a folder contains is put
    /// in front of the queue.
    fn leaf(&mut self, relative: PathBuf) -> io::Result<Option<PathBuf>> {
        // Joining an empty path would add a `/`, which only a folder may have.
        let is_root = relative.as_os_str().is_empty();
        let path = if is_root { self.root.clone() } else { self.root.join(&relative) };
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Ok(Some(relative));
        }
        if is_lost_and_found(&self.root, &path) {
            return Ok(None);
        }
        let children = children(&path)?;
        for child in children.iter().rev() {
            self.queue.push_front(relative.join(child.file_name().unwrap_or_default()));
        }
        let is_leaf = self.with_empty && children.is_empty() && !is_root;
        Ok(is_leaf.then(|| relative.join("")))
    }
}

impl Iterator for Files {
    type Item = io::Result<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(relative) = self.queue.pop_front() {
            match self.leaf(relative) {
                Ok(Some(leaf)) => return Some(Ok(leaf)),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// The paths of a folder's entries, in the order of names; none if the folder does not exist.
pub fn children(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut children: Vec<PathBuf> =
        entries.map(|child| Ok(child?.path())).collect::<io::Result<_>>()?;
    children.sort_unstable();
    Ok(children)
}

fn is_lost_and_found(root: &Path, path: &Path) -> bool {
    path.parent() == Some(root)
        && path.file_name().is_some_and(|name| name == LOST_AND_FOUND)
        && is_mount(root).unwrap_or(false)
}

/// Whether a file system is mounted on this folder. Such a folder cannot be renamed.
pub fn is_mount(path: &Path) -> io::Result<bool> {
    let Some(parent) = path.parent() else { return Ok(true) };
    let device =
        |path: &Path| Ok::<_, io::Error>(std::os::unix::fs::MetadataExt::dev(&fs::metadata(path)?));
    Ok(device(path)? != device(parent)? || is_bind_mount(path))
}

/// Whether this is a bind mount, by which containers get their volumes: a folder of the same file
/// system, mounted in a second place. `false` where the kernel cannot tell.
#[cfg(target_os = "linux")]
fn is_bind_mount(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::empty(), StatxFlags::TYPE)
        .is_ok_and(|facts| facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_bind_mount(_path: &Path) -> bool {
    false
}

/// Whether this process may create and remove names in this folder.
pub fn is_writable(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn resolve_follows_links_to_what_exists_and_what_does_not() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let base = fs::canonicalize(root.path()).expect("it is there");
        fs::create_dir(base.join("real")).expect("a folder");
        symlink("real", base.join("link")).expect("a link");
        symlink("real/new", base.join("dangling")).expect("a link");
        let cases = [
            ("real", "real"),
            ("link/", "real"),
            ("link/a/b", "real/a/b"),
            ("dangling/c", "real/new/c"),
            ("nothing/../x", "x"),
            ("link/../x/.", "x"),
        ];
        for (path, expected) in cases {
            assert_eq!(resolve(&base.join(path)).expect(path), base.join(expected), "{path}");
        }
        symlink("circle", base.join("circle")).expect("a link");
        resolve(&base.join("circle")).expect_err("a circle");
    }

    #[test]
    fn files_are_found_in_order_and_links_are_not_followed() {
        let root = tempfile::tempdir().expect("a temporary folder");
        for file in ["b/2", "b/1", "a", "c/d/e"] {
            let path = root.path().join(file);
            create(path.parent().expect("below the root")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        symlink("b", root.path().join("bb")).expect("a link");
        let found: Vec<PathBuf> = files(root.path()).collect::<io::Result<_>>().expect("a walk");
        assert_eq!(found, ["a", "b/1", "b/2", "bb", "c/d/e"].map(PathBuf::from));
        let itself: Vec<PathBuf> =
            files(&root.path().join("a")).collect::<io::Result<_>>().expect("a walk");
        assert_eq!(itself, [PathBuf::new()]);
        assert_eq!(files(&root.path().join("nowhere")).count(), 0);

        for folder in ["c/empty", "d"] {
            create(&root.path().join(folder)).expect("a folder");
        }
        let found: Vec<String> = leaves(root.path())
            .map(|leaf| leaf.expect("a walk").to_string_lossy().into_owned())
            .collect();
        assert_eq!(found, ["a", "b/1", "b/2", "bb", "c/d/e", "c/empty/", "d/"]);
        assert_eq!(leaves(&root.path().join("d")).count(), 0);
    }

    #[test]
    fn only_an_empty_folder_is_removed() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let (empty, full) = (root.path().join("a"), root.path().join("b"));
        create(&empty).expect("a folder");
        create(&full.join("c")).expect("a folder");
        for folder in [&empty, &full, &root.path().join("nowhere")] {
            remove_if_empty(folder).expect("no failure");
        }
        assert_eq!(children(root.path()).expect("it is there"), [full]);
    }

    #[test]
    fn only_folders_without_files_are_removed() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let base = root.path().join("a");
        create(&base.join("b/c/d")).expect("a folder");
        create(&base.join("e")).expect("a folder");
        fs::write(base.join("e/f"), "").expect("a file");
        remove_empty(&base).expect("no failure");
        assert_eq!(children(&base).expect("it is there"), [base.join("e")]);
        remove_file(&base.join("e")).expect_err("a folder");
        remove_file(&base.join("e/f")).expect("a file");
        remove_file(&base.join("e/f")).expect("no failure");
        remove_empty(&base).expect("no failure");
        remove_empty(&base).expect("no failure");
        assert!(!base.exists());
    }

    #[test]
    fn mounts_are_recognised() {
        let root = tempfile::tempdir().expect("a temporary folder");
        assert!(!is_mount(root.path()).expect("it is there"));
        assert!(is_mount(Path::new("/proc")).expect("it is there"));
        assert!(is_mount(Path::new("/")).expect("it is there"));
    }
}
