//! The rim held in memory, and a setting that fails on command: for testing the engine without any AWS.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_types::SdkConfig;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use redress_aws::{
    Account, Accounts, Annotation, Answer, Begun, Bus, Clock, Error, Gate, Hub, Kind, Ledger, Listed, Memory, Places, Post, Result, Switch,
    Timer, Vault, Visit,
};
use redress_model::{
    AccountId, Class, Digest, ImageName, Intent, Job, Mode, Partition, Policy, Record, Region, Request, Resource, RunId, Scope, Severity,
    Workflow,
    job::FindingKey,
    policy::{Case, Tags, Terms},
};
use redress_remediation::{
    Action, Attempt, Control, Engine, Entry, Finished, InCode, Located, Rim, Setting, Spec, Surroundings, Undecided, Undo, View, Want, Work,
};
use serde::{Deserialize, Serialize};

use crate::events::unique;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A dial: the setting of the engine's tests. Its world is a table in this process.
#[derive(Debug)]
pub struct Dial {
    id: String,
}

/// Where a dial stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The number on it.
    pub level: i64,
}

/// What its control should say of it, beyond the level.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mood {
    /// Makes the change delicate.
    pub ask: Option<String>,
    /// Makes the change wait.
    pub wait: Option<String>,
}

/// What happens at the n-th call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the call works.
    None,
    /// It fails and does nothing.
    Fails(Kind),
    /// It is done, and says that it failed.
    FailsAfterDoing(Kind),
    /// It says that it worked, and does nothing.
    Lies,
    /// It works, after somebody else set the dial to this.
    AfterAnotherHand(i64),
    /// The dial is gone.
    Gone,
}

#[derive(Debug, Default)]
struct Cell {
    level: Option<i64>,
    mood: Mood,
    on_get: VecDeque<Fault>,
    on_put: VecDeque<Fault>,
    writes: usize,
}

static DIALS: LazyLock<Mutex<HashMap<String, Cell>>> = LazyLock::new(Mutex::default);

const READ: &str = "dial:Get";
const WRITE: &str = "dial:Put";

impl Setting for Dial {
    type Value = Level;
    type Facts = Mood;

    const NAME: &'static str = "test.dial";
    const READS: &'static [Action] = &[Action::anywhere(READ)];
    const WRITES: &'static [Action] = &[Action::anywhere(WRITE)];

    async fn get(&self, _account: &Account) -> Result<Option<(Level, Mood)>> {
        let mut dials = lock(&DIALS);
        let cell = dials.entry(self.id.clone()).or_default();
        match cell.on_get.pop_front().unwrap_or(Fault::None) {
            Fault::Fails(kind) | Fault::FailsAfterDoing(kind) => return Err(Error::new(kind, READ, "injected")),
            Fault::AfterAnotherHand(level) => cell.level = Some(level),
            Fault::Gone => cell.level = None,
            Fault::None | Fault::Lies => {}
        }
        Ok(cell.level.map(|level| (Level { level }, cell.mood.clone())))
    }

    async fn put(&self, _account: &Account, _from: &Level, to: &Level) -> Result<()> {
        let mut dials = lock(&DIALS);
        let cell = dials.entry(self.id.clone()).or_default();
        let fault = cell.on_put.pop_front().unwrap_or(Fault::None);
        if let Fault::Fails(kind) = fault {
            return Err(Error::new(kind, WRITE, "injected"));
        }
        if fault != Fault::Lies {
            cell.level = Some(to.level);
            cell.writes += 1;
        }
        if let Fault::FailsAfterDoing(kind) = fault {
            return Err(Error::new(kind, WRITE, "injected"));
        }
        Ok(())
    }

    fn undo(_from: &Level, to: &Level) -> Undo {
        if to.level == 99 { Undo::Never("the dial breaks at 99") } else { Undo::Exact }
    }
}

/// Stairs: a dial that goes up a step a run.
#[derive(Debug)]
pub struct Stairs(Dial);

impl Setting for Stairs {
    type Value = Level;
    type Facts = Mood;

    const NAME: &'static str = "test.stairs";
    const STAGED: bool = true;
    const READS: &'static [Action] = Dial::READS;
    const WRITES: &'static [Action] = Dial::WRITES;

    async fn get(&self, account: &Account) -> Result<Option<(Level, Mood)>> {
        self.0.get(account).await
    }

    async fn put(&self, account: &Account, from: &Level, to: &Level) -> Result<()> {
        self.0.put(account, from, to).await
    }

    fn rests(value: &Level) -> bool {
        // Between two floors.
        value.level != 2
    }
}

/// On the third floor, a step a run: asked before the first, and before the last.
pub struct Upstairs;

/// On the third floor.
pub static UPSTAIRS: Entry = Entry::of::<Upstairs>();

impl Control for Upstairs {
    const SPEC: Spec = Spec { id: "Dial.3", title: "The stairs are climbed", class: Class::Guarded, ..AtLeastTen::SPEC };
    type Setting = Stairs;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<Stairs> {
        Ok(Stairs(Dial { id: resource.id.clone() }))
    }

    fn want(value: &Level, mood: &Mood, _params: &()) -> Want<Level> {
        let to = Level { level: value.level + 1 };
        match (value.level, &mood.wait) {
            (4.., _) => Want::Keep,
            (1.., Some(why)) => Want::Wait(why.clone()),
            (0, _) => Want::Ask { to, why: "the climb begins".into() },
            (3, _) => Want::Ask { to, why: "the last step is steep".into() },
            _ => Want::Set(to),
        }
    }
}

/// The dials' controls differ in a few words only.
macro_rules! dial_control {
    ($(#[$doc:meta])* $name:ident, $entry:ident, $id:literal, $class:ident, $want:expr) => {
        $(#[$doc])*
        pub struct $name;

        $(#[$doc])*
        pub static $entry: Entry = Entry::of::<$name>();

        impl Control for $name {
            const SPEC: Spec = Spec {
                id: $id,
                title: "The dial stands right",
                severity: Severity::Low,
                class: Class::$class,
                scope: Scope::Regional,
                resources: &["Dial"],
                prowler: &[],
                config_rules: &[],
                in_code: InCode { cloudformation: "Level: right", terraform: "level = right" },
            };
            type Setting = Dial;
            type Params = ();

            fn locate(resource: &Resource, _params: &()) -> Located<Dial> {
                Ok(Dial { id: resource.id.clone() })
            }

            fn want(value: &Level, mood: &Mood, _params: &()) -> Want<Level> {
                let want: fn(i64) -> Option<i64> = $want;
                match (want(value.level), mood) {
                    (None, _) => Want::Keep,
                    (Some(_), Mood { wait: Some(why), .. }) => Want::Wait(why.clone()),
                    (Some(level), Mood { ask: Some(why), .. }) => Want::Ask { to: Level { level }, why: why.clone() },
                    (Some(level), _) => Want::Set(Level { level }),
                }
            }
        }
    };
}

dial_control!(
    /// At least ten.
    AtLeastTen, TEN, "Dial.10", Automatic, |level| (level < 10).then_some(10)
);
dial_control!(
    /// An even number.
    Even, EVEN, "Dial.2", Automatic, |level| (level % 2 != 0).then_some(level + 1)
);
dial_control!(
    /// Ninety-nine, from where there is no way back.
    NinetyNine, NINETY_NINE, "Dial.99", Automatic, |level| (level != 99).then_some(99)
);
dial_control!(
    /// At least ten, but only people may turn it.
    TenByHand, TEN_BY_HAND, "Dial.11", Tell, |level| (level < 10).then_some(10)
);

/// A clock that stands still, but for who sleeps on it.
#[derive(Debug)]
pub struct StillClock {
    now: Mutex<Timestamp>,
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *lock(&self.now)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        let mut now = lock(&self.now);
        *now += SignedDuration::try_from(time).unwrap();
        Box::pin(async {})
    }

    fn new_run(&self) -> RunId {
        let mut entropy = [0; 10];
        entropy[2..].copy_from_slice(&(unique() as u64).to_be_bytes());
        RunId::new(self.now(), entropy)
    }
}

/// The rim in memory. Every field may be looked at, and set to fail.
#[derive(Debug)]
pub struct Bench {
    /// The time.
    pub clock: StillClock,
    /// The actions of each visit.
    pub visits: Mutex<Vec<Vec<&'static str>>>,
    /// Whether accounts can be entered.
    pub closed: Mutex<bool>,
    locks: Mutex<HashMap<Digest, (RunId, Timestamp)>>,
    memory: Mutex<HashMap<Digest, Memory>>,
    /// The records, by run.
    pub records: Mutex<BTreeMap<RunId, Record>>,
    /// Whether the ledger can be written.
    pub ledger_fails: Mutex<Option<Kind>>,
    /// Whether records can be written, and locks given back.
    pub finish_fails: Mutex<Option<Kind>>,
    images: Mutex<HashMap<RunId, Vec<u8>>>,
    /// Whether the vault can be written.
    pub vault_fails: Mutex<Option<Kind>>,
    /// What was said on findings, in order.
    pub notes: Mutex<Vec<Annotation>>,
    /// Whether findings can be annotated.
    pub hub_fails: Mutex<Option<Kind>>,
    /// What people were told at once.
    pub letters: Mutex<Vec<String>>,
    /// What time will bring.
    pub listed: Mutex<Vec<Listed>>,
    /// The outcomes that were announced on the bus.
    pub announced: Mutex<Vec<&'static str>>,
    /// When the suite is to be woken.
    pub woken: Mutex<Vec<Timestamp>>,
    /// The positions of the kill switch, one for each look at it; the last one stays.
    pub switch: Mutex<VecDeque<Result<Option<String>>>>,
    /// The tags of every dial.
    pub tags: Mutex<Tags>,
    /// Whether they can be read.
    pub tags_fail: Mutex<Option<Kind>>,
    /// Who else turns dials.
    pub other_hand: Mutex<Option<String>>,
    /// How many dials there are, where that is known.
    pub population: Mutex<Option<u32>>,
    counts: Mutex<HashMap<String, u32>>,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            clock: StillClock { now: Mutex::new(Timestamp::from_second(1_800_000_000).unwrap()) },
            visits: Mutex::default(),
            closed: Mutex::default(),
            locks: Mutex::default(),
            memory: Mutex::default(),
            records: Mutex::default(),
            ledger_fails: Mutex::default(),
            finish_fails: Mutex::default(),
            images: Mutex::default(),
            vault_fails: Mutex::default(),
            notes: Mutex::default(),
            hub_fails: Mutex::default(),
            letters: Mutex::default(),
            listed: Mutex::default(),
            announced: Mutex::default(),
            woken: Mutex::default(),
            switch: Mutex::default(),
            tags: Mutex::default(),
            tags_fail: Mutex::default(),
            other_hand: Mutex::default(),
            population: Mutex::default(),
            counts: Mutex::default(),
        }
    }
}

fn injected<'a, T: Send + 'a>(fault: &Mutex<Option<Kind>>, action: &str, otherwise: impl FnOnce() -> Result<T>) -> Answer<'a, T> {
    let answer = match *lock(fault) {
        Some(kind) => Err(Error::new(kind, action, "injected")),
        None => otherwise(),
    };
    Box::pin(async { answer })
}

impl Accounts for Bench {
    fn enter<'a>(&'a self, visit: Visit<'a>) -> Answer<'a, Account> {
        let answer = if *lock(&self.closed) {
            Err(Error::new(Kind::Denied, "sts:AssumeRole", format!("role of {}", visit.account)))
        } else {
            lock(&self.visits).push(visit.actions.clone());
            let gate = Gate::new(visit.actions);
            let sdk = SdkConfig::builder().build();
            Ok(Account::new(visit.account.clone(), visit.region.clone(), visit.partition.clone(), &sdk, gate, visit.now))
        };
        Box::pin(async { answer })
    }
}

impl Timer for Bench {
    fn wake(&self, at: Timestamp) -> Answer<'_, ()> {
        lock(&self.woken).push(at);
        Box::pin(async { Ok(()) })
    }
}

impl Ledger for Bench {
    fn begin<'a>(&'a self, lane: &'a Digest, run: RunId, now: Timestamp, until: Timestamp) -> Answer<'a, Begun> {
        injected(&self.ledger_fails, "ledger", || {
            let mut locks = lock(&self.locks);
            if locks.get(lane).is_some_and(|(owner, until)| *until >= now && *owner != run) {
                return Ok(Begun::Busy);
            }
            let interrupted = locks.insert(lane.clone(), (run, until)).map(|(owner, _)| owner).filter(|owner| *owner != run);
            Ok(Begun::Free { memory: lock(&self.memory).get(lane).cloned().unwrap_or_default(), interrupted })
        })
    }

    fn finish<'a>(&'a self, lane: &'a Digest, record: &'a Record, memory: &'a Memory, listed: &'a [Listed]) -> Answer<'a, ()> {
        let fault = if lock(&self.finish_fails).is_some() { &self.finish_fails } else { &self.ledger_fails };
        injected(fault, "ledger", || {
            lock(&self.locks).remove(lane);
            lock(&self.memory).entry(lane.clone()).or_default().extend(memory.clone());
            lock(&self.records).insert(record.run, record.clone());
            let keys: std::collections::BTreeSet<_> = listed.iter().map(|item| (item.list, item.at, &item.key)).collect();
            assert_eq!(keys.len(), listed.len(), "DynamoDB takes one operation on an item in a transaction");
            let mut all = lock(&self.listed);
            // The same again at the same time replaces it.
            all.retain(|item| !keys.contains(&(item.list, item.at, &item.key)));
            all.extend(listed.iter().cloned());
            Ok(())
        })
    }

    fn release<'a>(&'a self, lane: &'a Digest, _run: RunId) -> Answer<'a, ()> {
        injected(&self.ledger_fails, "ledger", || {
            lock(&self.locks).remove(lane);
            Ok(())
        })
    }

    fn load(&self, run: RunId) -> Answer<'_, Option<Record>> {
        injected(&self.ledger_fails, "ledger", || Ok(lock(&self.records).get(&run).cloned()))
    }

    fn strike<'a>(&'a self, item: &'a Listed) -> Answer<'a, ()> {
        injected(&self.ledger_fails, "ledger", || {
            lock(&self.listed).retain(|other| (other.list, other.at, &other.key) != (item.list, item.at, &item.key));
            Ok(())
        })
    }

    fn count<'a>(&'a self, what: &'a str, _now: Timestamp) -> Answer<'a, u32> {
        injected(&self.ledger_fails, "ledger", || {
            let mut counts = lock(&self.counts);
            let count = counts.entry(what.to_owned()).or_default();
            *count += 1;
            Ok(*count)
        })
    }

    fn recent(&self, since: Timestamp, _now: Timestamp) -> Answer<'_, Vec<Record>> {
        injected(&self.ledger_fails, "ledger", || {
            Ok(lock(&self.records).values().rev().filter(|record| record.ended >= since).cloned().collect())
        })
    }
}

impl Bus for Bench {
    fn announce<'a>(&'a self, record: &'a Record) -> Answer<'a, ()> {
        lock(&self.announced).push(record.outcome.word());
        Box::pin(async { Ok(()) })
    }
}

impl Switch for Bench {
    fn stopped(&self) -> Answer<'_, Option<String>> {
        let mut throws = lock(&self.switch);
        // The last position stays.
        let now = if throws.len() > 1 { throws.pop_front() } else { throws.front().cloned() };
        Box::pin(async { now.unwrap_or(Ok(None)) })
    }
}

impl Places for Bench {
    fn name<'a>(&'a self, _account: &'a AccountId, _now: Timestamp) -> Answer<'a, String> {
        Box::pin(async { Ok("payments".into()) })
    }
}

impl Surroundings for Bench {
    fn reads(&self) -> &'static [Action] {
        const { &[Action::anywhere("dial:Tags")] }
    }

    fn tags<'a>(&'a self, _account: &'a Account, _resource: &'a Resource) -> Answer<'a, Tags> {
        injected(&self.tags_fail, "dial:Tags", || Ok(lock(&self.tags).clone()))
    }

    fn changed_by<'a>(&'a self, _account: &'a Account, _resource: &'a Resource, _since: Timestamp) -> Answer<'a, Option<String>> {
        let by = lock(&self.other_hand).clone();
        Box::pin(async { Ok(by) })
    }

    fn population<'a>(&'a self, _account: &'a Account, _resource: &'a Resource) -> Answer<'a, Option<u32>> {
        let population = *lock(&self.population);
        Box::pin(async move { Ok(population) })
    }
}

impl Vault for Bench {
    fn save<'a>(&'a self, run: RunId, image: &'a [u8]) -> Answer<'a, ImageName> {
        injected(&self.vault_fails, "vault", || {
            lock(&self.images).insert(run, image.to_vec());
            Ok(ImageName { run, sum: Digest::of(image) })
        })
    }

    fn load(&self, run: RunId) -> Answer<'_, (ImageName, Vec<u8>)> {
        injected(&self.vault_fails, "vault", || {
            let image = lock(&self.images).get(&run).cloned().ok_or_else(|| Error::new(Kind::NotFound, "vault", run.to_string()))?;
            Ok((ImageName { run, sum: Digest::of(&image) }, image))
        })
    }
}

impl Hub for Bench {
    fn annotate<'a>(&'a self, _findings: &'a [FindingKey], annotation: &'a Annotation) -> Answer<'a, ()> {
        injected(&self.hub_fails, "hub", || {
            lock(&self.notes).push(annotation.clone());
            Ok(())
        })
    }
}

impl Post for Bench {
    fn tell<'a>(&'a self, subject: &'a str, _body: &'a str) -> Answer<'a, ()> {
        lock(&self.letters).push(subject.to_owned());
        Box::pin(async { Ok(()) })
    }
}

/// A dial on a bench, and how its runs are wanted.
#[derive(Debug)]
pub struct DialOn<'a> {
    bench: &'a Bench,
    id: String,
    /// The controls that look at it.
    pub entries: Vec<&'static Entry>,
    /// What the policy says of each.
    pub terms: Terms,
    /// The policy, where something in it depends on tags.
    pub undecided: Option<Undecided>,
    /// The controls of each job, as places in `entries`; none for one job about all of them.
    jobs: Vec<Vec<usize>>,
    /// The time that is left of the invocation.
    seconds: i64,
}

impl Bench {
    /// A new dial that stands at `level`, looked at by [`AtLeastTen`] in mode `auto`.
    pub fn dial(&self, level: i64) -> DialOn<'_> {
        let id = format!("dial-{}", unique());
        lock(&DIALS).insert(id.clone(), Cell { level: Some(level), ..Cell::default() });
        DialOn { bench: self, id, entries: vec![&TEN], terms: Terms::of(Mode::Auto), undecided: None, jobs: Vec::new(), seconds: 60 }
    }

    /// What became of the finding last: its status, or `None` where it was left alone.
    pub fn workflow(&self) -> Option<Workflow> {
        lock(&self.notes).last().and_then(|note| note.workflow)
    }
}

impl<'a> DialOn<'a> {
    /// The same dial, looked at by these controls.
    #[must_use]
    pub fn seen_by(self, entries: &[&'static Entry]) -> DialOn<'a> {
        DialOn { entries: entries.to_vec(), ..self }
    }

    /// The same dial, asked for by several jobs: the controls of each, as places in `entries`.
    #[must_use]
    pub fn with_jobs(self, jobs: &[&[usize]]) -> DialOn<'a> {
        DialOn { jobs: jobs.iter().map(|job| job.to_vec()).collect(), ..self }
    }

    /// The same dial, late in an invocation.
    #[must_use]
    pub fn with_seconds_left(self, seconds: i64) -> DialOn<'a> {
        DialOn { seconds, ..self }
    }

    /// The same dial in another mode.
    #[must_use]
    pub fn in_mode(self, mode: Mode) -> DialOn<'a> {
        DialOn { terms: Terms::of(mode), ..self }
    }

    /// The same dial under a policy, which is decided for it.
    #[must_use]
    pub fn under(self, policy: &str) -> DialOn<'a> {
        let policy = Policy::parse(policy, "auto".parse().unwrap(), &|_, _| Ok(())).unwrap();
        let (resource, control) = (self.resource(), self.entries[0].id().unwrap());
        let case = Case { control: &control, class: Class::Automatic, resource: &resource, place: None, tags: None };
        let terms = policy.decide(&case, self.bench.clock.now());
        let undecided = terms.needs_tags.then(|| Undecided { policy: Arc::new(policy), place: None });
        DialOn { terms, undecided, ..self }
    }

    fn resource(&self) -> Resource {
        Resource {
            kind: "Dial".into(),
            id: self.id.clone(),
            account: AccountId::try_from("111122223333").unwrap(),
            region: Region::try_from("us-east-1").unwrap(),
            partition: Partition::try_from("aws").unwrap(),
            name: None,
            path: None,
        }
    }

    /// Where it stands.
    pub fn level(&self) -> Option<i64> {
        lock(&DIALS).get(&self.id).and_then(|cell| cell.level)
    }

    /// Turns it by hand.
    pub fn turn(&self, level: i64) {
        lock(&DIALS).entry(self.id.clone()).or_default().level = Some(level);
    }

    /// How often it was written.
    pub fn writes(&self) -> usize {
        lock(&DIALS).get(&self.id).map_or(0, |cell| cell.writes)
    }

    /// Changes what its control says.
    pub fn mood(&self, mood: Mood) {
        lock(&DIALS).entry(self.id.clone()).or_default().mood = mood;
    }

    /// What happens at the next calls.
    pub fn faults(&self, on_get: &[Fault], on_put: &[Fault]) {
        let mut dials = lock(&DIALS);
        let cell = dials.entry(self.id.clone()).or_default();
        cell.on_get = on_get.iter().copied().collect();
        cell.on_put = on_put.iter().copied().collect();
    }

    /// What is remembered as a lane.
    pub fn lane(&self) -> Digest {
        Digest::of(self.id.as_bytes())
    }

    /// Runs the engine on what was to come again, the latest of it.
    pub async fn again(&self) -> Finished {
        let item = lock(&self.bench.listed).iter().rfind(|item| item.list == redress_aws::List::Later).cloned().unwrap();
        let job: Job = serde_json::from_str(&item.body).unwrap();
        self.bench.clock.sleep(Duration::from_mins(1)).await;
        self.run_for(job.request, job.intent, Attempt::More).await
    }

    /// Runs the engine on an event of its own, a moment later.
    pub async fn run(&self, intent: Intent, attempt: Attempt) -> Finished {
        self.bench.clock.sleep(Duration::from_secs(1)).await;
        let at = Some(self.bench.clock.now());
        self.run_for(Request::of(format!("event-{}", unique()), at), intent, attempt).await
    }

    /// Runs the engine on this event.
    pub async fn run_for(&self, request: Request, intent: Intent, attempt: Attempt) -> Finished {
        let Self { bench, entries, terms, .. } = self;
        let all = vec![(0..entries.len()).collect()];
        let job = |places: &Vec<usize>| {
            let controls: Vec<_> = places.iter().map(|place| entries[*place].id().unwrap()).collect();
            let name = if self.jobs.is_empty() { "finding".to_owned() } else { format!("finding of {controls:?}") };
            let finding = Some(FindingKey::asff(name, "product"));
            Job {
                intent,
                controls,
                resource: self.resource(),
                finding,
                request: request.clone(),
                params: serde_json::Value::Null,
                rounds: 0,
                after: None,
            }
        };
        let jobs = if self.jobs.is_empty() { &all } else { &self.jobs }.iter().map(job).collect();
        let work = Work {
            views: entries.iter().map(|entry| View::new(entry, terms.clone())).collect(),
            resource: self.resource(),
            lane: self.lane(),
            intent,
            jobs,
            request: request.clone(),
            undecided: self.undecided.clone(),
        };
        let rim = Rim {
            accounts: *bench,
            ledger: *bench,
            vault: *bench,
            hub: *bench,
            post: *bench,
            bus: *bench,
            switch: *bench,
            timer: *bench,
            places: *bench,
            surroundings: *bench,
            clock: &bench.clock,
        };
        let deadline = bench.clock.now() + SignedDuration::from_secs(self.seconds);
        Engine::new(rim, deadline).run(&work, attempt).await
    }
}
