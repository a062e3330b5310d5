//! An open device: the thread that keeps it open, and what its handle and that thread share.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::block::{BLOCK, BLOCK_LASTS};
use super::choose::Choice;
use super::error::DeviceError;
use super::event::{Change, DeviceEvent, Events};
use super::side::Side;
use super::state::DeviceState;

/// How long nothing may come from a device, or be asked for it, until it is opened again.
const STOPPED: Duration = Duration::from_millis(250);

/// The same from when it is opened until the first block: a headset takes its time.
const BEGINS: Duration = Duration::from_secs(3);

/// How often it is looked whether a microphone that isn't there is still wanted.
const LOOKED: Duration = Duration::from_millis(50);

/// What is done with a block that was heard.
type Hear = Box<dyn FnMut(&[f32; BLOCK]) + Send>;

/// What fills a block that is to be played.
type Render = Box<dyn FnMut(&mut [f32; BLOCK]) + Send>;

/// What is done with blocks.
pub(super) enum Work {
    Hear(Hear),
    Render(Render),
}

/// What a device needs of a thread that keeps it open.
pub(super) trait Driver: Send + 'static {
    /// What is open.
    type Stream: Stream;

    /// Opens the device that is wanted, or one that stands in for it. Waits a second at most.
    fn open(&mut self, side: Side, choice: &Choice) -> Result<Self::Stream, DeviceError>;
}

/// A device that is open.
pub(super) trait Stream {
    /// What it is.
    fn about(&self) -> About;

    /// Whether nothing from it for a while means that it stands still. What goes by the machine's clock is only late then, on a
    /// machine that has too much to do.
    fn may_stand_still(&self) -> bool {
        true
    }

    /// Waits for what comes next, a twentieth of a second at most, and does the work that is due.
    fn step(&mut self, line: &Line) -> Result<Step, DeviceError>;
}

/// What is open.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// What people call it.
    pub(super) name: String,
    /// The name that was chosen, where this one stands in for it.
    pub(super) instead_of: Option<String>,
    /// What is held between a block and the device.
    pub(super) delay: Duration,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Sound.
    Worked,
    /// None.
    Waited,
    /// The stream goes by another device now.
    Moved,
    /// Another device is to be used than this one, so it is opened again at once.
    Outdated,
}

/// An open device. Dropping it closes it.
pub(super) struct Opened {
    line: Arc<Line>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Opened {
    /// Starts the thread that keeps it open.
    pub(super) fn start(side: Side, choice: Choice, events: Events, work: Work, driver: impl Driver) -> Self {
        let opened = Self::idle(side, events, work);
        let line = Arc::clone(&opened.line);
        let keeper = Keeper { line: Arc::clone(&line), choice, driver, backoff: Backoff::default() };
        let name = format!("{side}");
        if let Err(error) = thread::Builder::new().name(name).spawn(move || keeper.run()) {
            line.lose(DeviceError::Thread(error.kind()));
        }
        opened
    }

    /// A device that nothing comes from, unless somebody calls [`Line::hear`] and [`Line::render`].
    pub(super) fn idle(side: Side, events: Events, work: Work) -> Self {
        let work = Mutex::new(Some(work));
        Self {
            line: Arc::new(Line {
                side,
                events,
                work,
                is_closed: AtomicBool::new(false),
                state: Mutex::default(),
            }),
        }
    }

    pub(super) fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    pub(super) fn state(&self) -> DeviceState {
        lock(&self.line.state).clone()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.line.is_closed.store(true, Relaxed);
        // Waits for a block that is being worked on: none comes once the handle is gone.
        *lock(&self.line.work) = None;
    }
}

/// What the handle and the thread share.
pub(super) struct Line {
    side: Side,
    events: Events,
    /// None once it is closed.
    work: Mutex<Option<Work>>,
    is_closed: AtomicBool,
    state: Mutex<DeviceState>,
}

impl Line {
    pub(super) fn side(&self) -> Side {
        self.side
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Relaxed)
    }

    /// Hands on a block that was heard.
    pub(super) fn hear(&self, block: &[f32; BLOCK]) {
        if let Some(Work::Hear(hear)) = &mut *lock(&self.work) {
            hear(block);
        }
        lock(&self.state).blocks += 1;
    }

    /// Fills a block that is to be played, which is silent when it comes.
    pub(super) fn render(&self, block: &mut [f32; BLOCK]) {
        if let Some(Work::Render(render)) = &mut *lock(&self.work) {
            render(block);
        }
        lock(&self.state).blocks += 1;
    }

    /// Sound was missing for a moment.
    pub(super) fn count_gap(&self) {
        lock(&self.state).gaps += 1;
    }

    pub(super) fn works(&self, about: &About, again: bool) {
        let mut state = lock(&self.state);
        state.name = Some(about.name.clone());
        state.lost = None;
        state.delay = about.delay;
        state.reopened += u64::from(again);
        drop(state);
        let (name, instead_of) = (about.name.clone(), about.instead_of.clone());
        self.tell(Change::Works { name, instead_of, again });
    }

    fn moves(&self, about: &About) {
        let mut state = lock(&self.state);
        state.name = Some(about.name.clone());
        state.delay = about.delay;
        drop(state);
        self.tell(Change::Moved { name: about.name.clone() });
    }

    /// It is lost. That is told once, until it works again; the state has the newest reason.
    pub(super) fn lose(&self, why: DeviceError) {
        let mut state = lock(&self.state);
        state.name = None;
        let was_lost = state.lost.replace(why.clone()).is_some();
        drop(state);
        if !was_lost {
            self.tell(Change::Lost { why });
        }
    }

    fn tell(&self, change: Change) {
        tracing::debug!(side = %self.side, ?change, "a device");
        // Whoever doesn't read them in time has the state all the same.
        let _ = self.events.try_send(DeviceEvent { side: self.side, change });
    }

    /// Waits so long, or until the device is closed. A loudspeaker that isn't there is rendered for all the same, so that who
    /// talks is seen and nothing piles up.
    pub(super) fn wait(&self, wait: Duration) {
        let start = Instant::now();
        let step = if self.side == Side::Loudspeaker { BLOCK_LASTS } else { LOOKED };
        let mut due = step;
        while due <= wait && !self.is_closed() {
            thread::sleep((start + due).saturating_duration_since(Instant::now()));
            if self.side == Side::Loudspeaker {
                self.render(&mut [0.0; BLOCK]);
            }
            due += step;
        }
    }
}

/// The thread that keeps a device open.
struct Keeper<D> {
    line: Arc<Line>,
    choice: Choice,
    driver: D,
    backoff: Backoff,
}

impl<D: Driver> Keeper<D> {
    fn run(mut self) {
        let mut has_worked = false;
        while !self.line.is_closed() {
            let opened = Instant::now();
            let ended = match self.driver.open(self.line.side(), &self.choice) {
                Ok(stream) => self.keep(stream, &mut has_worked),
                Err(why) => Some(why),
            };
            // Another device is there: no reason to wait.
            let Some(why) = ended else { continue };
            if self.line.is_closed() {
                break;
            }
            let worked = lock(&self.line.state).name.is_some().then(|| opened.elapsed());
            self.line.lose(why);
            self.line.wait(self.backoff.wait(worked));
        }
    }

    /// Works on a stream until it is lost, and says why; `None` where it is to be opened again, or is closed.
    fn keep(&self, mut stream: D::Stream, has_worked: &mut bool) -> Option<DeviceError> {
        let mut is_working = false;
        let mut last = Instant::now();
        while !self.line.is_closed() {
            let step = match stream.step(&self.line) {
                Ok(step) => step,
                Err(why) => return Some(why),
            };
            let patience = if is_working { STOPPED } else { BEGINS };
            // That is so, too, where this program was stopped itself: what was heard meanwhile is old.
            if last.elapsed() > patience && stream.may_stand_still() {
                return Some(DeviceError::Stopped);
            }
            match step {
                Step::Worked if !is_working => {
                    self.line.works(&stream.about(), *has_worked);
                    (is_working, *has_worked) = (true, true);
                    last = Instant::now();
                }
                Step::Worked => last = Instant::now(),
                Step::Waited => (),
                Step::Moved => self.line.moves(&stream.about()),
                Step::Outdated => return None,
            }
        }
        None
    }
}

/// A lock that a panic elsewhere doesn't take away.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
