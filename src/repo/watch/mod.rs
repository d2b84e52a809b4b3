//! Waits until something of a pipeline changes.
//!
//! What the system says of changes is only a hint to look: such events are late, doubled or missing for folders that are
//! new. After a hint, and once it has been quiet for a while, all folders are watched anew and everything is looked at;
//! what counts is whether it looks different from last time. Where the system gives no hints, looking every few seconds
//! does the same. However many events come, they are kept as one flag.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::discover::Home;
use scan::{Ground, Identity, Print, identity};

mod scan;

/// How often the pipeline's folder itself is looked at, and a caller is told that time passes.
const TICK: Duration = Duration::from_secs(2);

/// How often everything is looked at where the system gives no hints.
const POLL: Duration = Duration::from_secs(2);

/// How long the pipeline's folder may be away: git removes it for a moment when it switches branches.
const GRACE: Duration = Duration::from_secs(1);

/// A stream of changes without a pause is looked at after so many times the wanted quiet.
const PATIENCE: u32 = 15;

/// How long a git that is at work is waited for. Its lock may be left over from a crash.
const GIT_PATIENCE: Duration = Duration::from_secs(5);

/// The step in which something that nobody announces is waited for.
const STEP: Duration = Duration::from_millis(50);

/// Whether each folder has a watch of its own. The other systems watch whole trees, and much cheaper so.
const EACH_FOLDER: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// How to watch.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long nothing may have changed before a change is told.
    pub quiet: Duration,
    /// Look so often instead of waiting for hints of the system.
    pub poll: Option<Duration>,
}

/// Why a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something is different.
    Changed,
    /// Nothing is; some seconds have passed.
    Tick,
    /// [`Bell::stop`] was called.
    Stopped,
    /// The pipeline's folder is gone.
    Gone,
}

/// Wakes a watch, from any thread.
#[derive(Clone, Default)]
pub struct Bell(Arc<(Mutex<Rung>, Condvar)>);

#[derive(Debug, Default)]
struct Rung {
    /// When the last change was announced that was not looked at yet.
    dirty: Option<Instant>,
    stop: bool,
    /// Why the system gives no more hints.
    failed: Option<String>,
}

impl Bell {
    /// Ends the watch.
    pub fn stop(&self) {
        self.change(|rung| rung.stop = true);
    }

    /// Whether the watch was ended.
    pub fn is_stopped(&self) -> bool {
        self.lock().stop
    }

    fn change(&self, change: impl FnOnce(&mut Rung)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Rung> {
        // A flag is never half set.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for at most `time`, as long as `waiting` says so.
    fn wait(&self, time: Duration, waiting: impl FnMut(&mut Rung) -> bool) -> MutexGuard<'_, Rung> {
        let (rung, _) = self.0.1.wait_timeout_while(self.lock(), time, waiting).unwrap_or_else(PoisonError::into_inner);
        rung
    }

    /// Waits for a time, or until the watch is ended; `true` when it is.
    fn rest(&self, time: Duration) -> bool {
        self.wait(time, |rung| !rung.stop).stop
    }
}

/// A pipeline that is being watched.
pub struct Watch {
    ground: Ground,
    settings: Settings,
    bell: Bell,
    watcher: Option<RecommendedWatcher>,
    /// The lock that git holds while it writes the work tree.
    index_lock: Option<PathBuf>,
    /// Such a lock that stayed, so that it is not waited for again.
    left_over: Option<SystemTime>,
    root: Option<Identity>,
    print: Print,
}

impl Watch {
    /// Begins to watch. `own` are files that the caller writes and is never told of. `tell` gets a sentence when the
    /// system gives no hints and everything is looked at every few seconds instead.
    pub fn new(home: &Home, own: Vec<PathBuf>, settings: Settings, bell: Bell, tell: &mut dyn FnMut(&str)) -> Self {
        let ground = Ground::new(home, own);
        let mut index_lock = home.repo.as_ref().map(|place| place.index_file().into_os_string());
        if let Some(name) = &mut index_lock {
            name.push(".lock");
        }
        let mut watch = Watch {
            ground,
            settings,
            bell,
            watcher: None,
            index_lock: index_lock.map(PathBuf::from),
            left_over: None,
            root: None,
            print: 0,
        };
        if settings.poll.is_none() {
            match watch.watcher() {
                Ok(watcher) => watch.watcher = Some(watcher),
                Err(error) => watch.fall_back(&in_words(&error), tell),
            }
        }
        watch.print = watch.look(tell);
        watch
    }

    /// Whether everything is looked at every few seconds, and how often.
    pub fn polls(&self) -> Option<Duration> {
        self.settings.poll
    }

    /// Waits until something is different and quiet again, or until there is another reason to go on.
    pub fn wait(&mut self, tell: &mut dyn FnMut(&str)) -> Wake {
        let pause = self.settings.poll.unwrap_or(TICK);
        loop {
            let (stop, hint, failed) = {
                let idle = |rung: &mut Rung| !rung.stop && rung.dirty.is_none() && rung.failed.is_none();
                let mut rung = self.bell.wait(pause, idle);
                (rung.stop, rung.dirty.is_some(), rung.failed.take())
            };
            if stop {
                return Wake::Stopped;
            }
            if let Some(why) = failed {
                self.fall_back(&why, tell);
            }
            let here = identity(self.ground.root());
            let same = here.is_some() && here == self.root;
            if !same && let Some(end) = self.await_root() {
                return end;
            }
            if same && !hint && (self.settings.poll.is_none() || self.glance() == self.print) {
                return Wake::Tick;
            }
            if !self.settle() {
                return Wake::Stopped;
            }
            // What was told of may have been the folder's own end.
            if let Some(end) = self.await_root() {
                return end;
            }
            let print = self.look(tell);
            if print != self.print {
                self.print = print;
                return Wake::Changed;
            }
        }
    }

    /// Whether everything still looks as it did when the last wait ended: what was read since then belongs together.
    pub fn holds(&self) -> bool {
        let hinted = self.settings.poll.is_some() || self.bell.lock().dirty.is_some();
        !hinted || self.glance() == self.print
    }

    fn watcher(&self) -> notify::Result<RecommendedWatcher> {
        let (bell, ground) = (self.bell.clone(), self.ground.clone());
        let handle = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if ground.concerns(&event) => bell.change(|rung| rung.dirty = Some(Instant::now())),
            Ok(_) => {}
            Err(error) => bell.change(|rung| rung.failed = Some(in_words(&error))),
        };
        RecommendedWatcher::new(handle, notify::Config::default().with_follow_symlinks(false))
    }

    /// Gives up on hints.
    fn fall_back(&mut self, why: &str, tell: &mut dyn FnMut(&str)) {
        self.watcher = None;
        if self.settings.poll.is_none() {
            self.settings.poll = Some(POLL);
            tell(&format!("{why}, so every file is looked at every {} seconds instead", POLL.as_secs()));
        }
    }

    /// Looks at everything, and sets watches on the way.
    fn look(&mut self, tell: &mut dyn FnMut(&str)) -> Print {
        let root = identity(self.ground.root());
        let other_root = root != self.root;
        self.root = root;
        let Some(mut watcher) = self.watcher.take() else { return self.glance() };
        let mut failed = None;
        let mut set = |folder: &Path, mode: RecursiveMode| {
            // A watch that is there already is set again: its folder may be another one of the same name.
            if failed.is_none()
                && let Err(error) = watcher.watch(folder, mode)
            {
                failed = Some(error).filter(|e| !is_gone(e));
            }
        };
        if !EACH_FOLDER && other_root {
            self.ground.trees().iter().for_each(|folder| set(folder, RecursiveMode::Recursive));
            self.ground.git_folders().iter().for_each(|folder| set(folder, RecursiveMode::NonRecursive));
        }
        let print = self.ground.scan(&mut |folder| {
            if EACH_FOLDER {
                set(folder, RecursiveMode::NonRecursive);
            }
        });
        match failed {
            None => self.watcher = Some(watcher),
            Some(error) => self.fall_back(&in_words(&error), tell),
        }
        print
    }

    fn glance(&self) -> Print {
        self.ground.scan(&mut |_| ())
    }

    /// Waits until it is quiet; `false` when the watch was ended.
    fn settle(&mut self) -> bool {
        let quiet = self.settings.quiet;
        let begun = Instant::now();
        loop {
            let over = begun.elapsed() >= quiet * PATIENCE;
            if self.settings.poll.is_some() {
                let before = self.glance();
                if self.bell.rest(quiet) {
                    return false;
                }
                if before != self.glance() && !over {
                    continue;
                }
            } else {
                let last = self.bell.lock().dirty;
                let rest = last.map_or(Duration::ZERO, |last| quiet.saturating_sub(last.elapsed()));
                if !rest.is_zero() && !over {
                    if self.bell.rest(rest) {
                        return false;
                    }
                    continue;
                }
            }
            if self.git_is_at_work() && begun.elapsed() < GIT_PATIENCE.max(quiet * PATIENCE) {
                if self.bell.rest(STEP) {
                    return false;
                }
                continue;
            }
            self.left_over = self.lock_time();
            self.bell.change(|rung| rung.dirty = None);
            return true;
        }
    }

    fn git_is_at_work(&self) -> bool {
        self.lock_time().is_some_and(|time| self.left_over != Some(time))
    }

    fn lock_time(&self) -> Option<SystemTime> {
        self.index_lock.as_ref()?.symlink_metadata().ok()?.modified().ok()
    }

    /// Gives the pipeline's folder a moment to come back; `None` when it is there.
    fn await_root(&self) -> Option<Wake> {
        let begun = Instant::now();
        while identity(self.ground.root()).is_none() {
            if begun.elapsed() >= GRACE {
                return Some(Wake::Gone);
            }
            if self.bell.rest(STEP) {
                return Some(Wake::Stopped);
            }
        }
        None
    }
}

/// Whether a watch could not be set because there is nothing to watch, or nothing that may be listed: reading, which
/// comes next, says what there is to say of it.
fn is_gone(error: &notify::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(e) => matches!(e.kind(), NotFound | NotADirectory | PermissionDenied),
        _ => false,
    }
}

/// Why the system gives no hints, as the beginning of a sentence.
fn in_words(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the system watches no more folders (its limit is fs.inotify.max_user_watches)".to_owned()
        }
        notify::ErrorKind::Io(e) => format!("the system cannot watch folders ({e})"),
        _ => format!("the system cannot watch folders ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("sales");
        std::fs::create_dir_all(root.join("brief")).unwrap();
        std::fs::write(root.join("pipeline.yaml"), "version: 1").unwrap();
        (dir, Home { root, repo: None, prefix: String::new() })
    }

    fn watch(home: &Home, poll: Option<Duration>, bell: &Bell) -> Watch {
        let settings = Settings { quiet: Duration::from_millis(50), poll };
        Watch::new(home, Vec::new(), settings, bell.clone(), &mut |line| panic!("{line}"))
    }

    #[test]
    fn many_changes_wake_once_with_hints_and_without() {
        for poll in [None, Some(Duration::from_millis(20))] {
            let (_dir, home) = pipeline();
            let bell = Bell::default();
            let mut watch = watch(&home, poll, &bell);
            for i in 0..200 {
                std::fs::write(home.root.join(format!("brief/{i}.yaml")), "a: 1").unwrap();
            }
            let wake = loop {
                match watch.wait(&mut |_| ()) {
                    Wake::Tick => {}
                    other => break other,
                }
            };
            assert_eq!(wake, Wake::Changed);
            assert!(watch.holds());
            assert_eq!(watch.wait(&mut |_| ()), Wake::Tick, "with {poll:?}");
        }
    }

    #[test]
    fn a_lost_hint_makes_one_look_and_no_change() {
        let (_dir, home) = pipeline();
        let bell = Bell::default();
        let mut watch = watch(&home, None, &bell);
        bell.change(|rung| rung.dirty = Some(Instant::now()));
        assert!(watch.holds(), "nothing is different");
        assert_eq!(watch.wait(&mut |_| ()), Wake::Tick);
    }

    #[test]
    fn a_change_while_reading_is_known() {
        let (_dir, home) = pipeline();
        let mut watch = watch(&home, Some(Duration::from_millis(20)), &Bell::default());
        assert!(watch.holds());
        std::fs::write(home.root.join("brief/x.yaml"), "a: 1").unwrap();
        assert!(!watch.holds());
        assert_eq!(watch.wait(&mut |_| ()), Wake::Changed);
        assert!(watch.holds());
    }

    #[test]
    fn when_the_system_gives_no_more_hints_files_are_looked_at() {
        let (_dir, home) = pipeline();
        let bell = Bell::default();
        let mut watch = watch(&home, None, &bell);
        let limit = notify::Error::new(notify::ErrorKind::MaxFilesWatch);
        bell.change(|rung| rung.failed = Some(in_words(&limit)));
        std::fs::write(home.root.join("brief/x.yaml"), "a: 1").unwrap();
        let mut told = Vec::new();
        assert_eq!(watch.wait(&mut |line| told.push(line.to_owned())), Wake::Changed);
        assert_eq!(
            told,
            ["the system watches no more folders (its limit is fs.inotify.max_user_watches), so every file is looked \
              at every 2 seconds instead"]
        );
        assert_eq!(watch.polls(), Some(POLL));
        assert!(watch.watcher.is_none());
    }

    #[test]
    fn a_folder_that_comes_back_is_watched_and_one_that_stays_away_is_gone() {
        let (dir, home) = pipeline();
        let bell = Bell::default();
        let mut watch = watch(&home, None, &bell);
        let aside = dir.path().join("aside");
        std::fs::rename(&home.root, &aside).unwrap();
        let back = home.root.clone();
        let mover = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            std::fs::create_dir_all(back.join("brief")).unwrap();
        });
        assert_eq!(watch.wait(&mut |_| ()), Wake::Changed);
        mover.join().unwrap();
        std::fs::write(home.root.join("brief/y.yaml"), "a: 1").unwrap();
        assert_eq!(watch.wait(&mut |_| ()), Wake::Changed);
        std::fs::remove_dir_all(&home.root).unwrap();
        assert_eq!(watch.wait(&mut |_| ()), Wake::Gone);
    }

    #[test]
    fn a_bell_ends_a_wait_from_another_thread() {
        let (_dir, home) = pipeline();
        let bell = Bell::default();
        let mut watch = watch(&home, Some(Duration::from_secs(60)), &bell);
        let other = bell.clone();
        std::thread::spawn(move || other.stop());
        assert_eq!(watch.wait(&mut |_| ()), Wake::Stopped);
        assert!(bell.is_stopped());
    }
}
