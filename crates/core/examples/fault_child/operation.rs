//! The operations that are interrupted, their preparation, and the tidying up after them.

use std::env;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use shareable_core::layout::{Input, Value};
use shareable_core::lock::{Lock, Waiter};
use shareable_core::manager::{Blocks, Client, Keeper, Key};
use shareable_core::{Access, AttachOptions, CreateOptions, Error, Kind, Lifetime, List, Name, Result, Segment};

use crate::step::{SIZE, kill_helper};

/// The longest wait of an operation.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How long to wait for a lock that stays taken.
const MOMENT: Duration = Duration::from_millis(5);

/// The slots of a list of which attaching maps single pages.
const LONG: usize = 10_000;

/// What was created or attached.
#[derive(Default)]
pub struct Held {
    segments: Vec<Segment>,
    lists: Vec<List>,
    /// Participants of one lock.
    locks: Vec<Arc<Lock>>,
    blocks: Option<Arc<Blocks>>,
    managers: Vec<Arc<Client>>,
}

/// Options for a segment that this process owns.
pub fn owned(name: &str) -> CreateOptions {
    CreateOptions { name: Some(named(name)), ..CreateOptions::default() }
}

fn kept(name: &str, keeper: Arc<dyn Keeper>) -> CreateOptions {
    CreateOptions { keeper: Some(keeper), ..owned(name) }
}

fn named(name: &str) -> Name {
    Name::new(name).expect("a name")
}

fn key() -> Key {
    Key::new(b"the key of the fault commands".to_vec()).expect("a key")
}

/// Prepares what an operation needs.
pub fn prepare(operation: &str, name: &str, victim: &str) -> Held {
    let mut held = Held::default();
    prepare_in(&mut held, operation, name, victim).expect("what the operation needs");
    held
}

fn prepare_in(held: &mut Held, operation: &str, name: &str, victim: &str) -> Result<()> {
    let other = format!("{name}o");
    match operation {
        "create-again" => held.segments.push(Segment::create(SIZE, &owned(&other))?),
        "create-after-helper-died" => {
            held.segments.push(Segment::create(SIZE, &owned(&other))?);
            kill_helper();
        }
        "close" | "unlink" | "dispose" | "drop" => held.segments.push(Segment::create(SIZE, &owned(name))?),
        "close-attached" => held.segments.push(Segment::attach(&named(victim), AttachOptions::default())?),
        "list-attach" | "list-use" => {
            let (segment, list) =
                List::create(&[Value::Int(1), Value::Str("sixteen letters!"), Value::None][..], &owned(name))?;
            held.segments.push(segment);
            held.lists.push(list);
        }
        "list-attach-long" => held.segments.push(List::create(&vec![Value::Int(1); LONG][..], &owned(name))?.0),
        "lock-create" => {}
        "lock-acquire-recovered" => {
            held.join_lock(name, 2)?;
            held.locks[1].acquire(MAX_WAIT)?;
            held.locks[1].give_up();
        }
        "lock-acquire-taken" | "lock-wait" => {
            held.join_lock(name, 2)?;
            held.locks[1].acquire(MAX_WAIT)?;
        }
        "lock-release" => {
            held.join_lock(name, 1)?;
            held.locks[0].acquire(MAX_WAIT)?;
        }
        _ if operation.starts_with("lock-") => held.join_lock(name, 1)?,
        "blocks-create" => held.blocks = Some(Arc::default()),
        "blocks-end" => {
            let blocks: Arc<Blocks> = held.blocks.insert(Arc::default()).clone();
            held.segments.push(Segment::create(SIZE, &kept(name, blocks))?);
        }
        "manager-start" => {}
        "manager-list" | "manager-end" | "manager-unlink" => {
            let manager = held.start_manager()?;
            held.segments.push(Segment::create(SIZE, &kept(name, manager))?);
        }
        _ if operation.starts_with("manager-") => drop(held.start_manager()?),
        _ => {}
    }
    Ok(())
}

impl Held {
    fn join_lock(&mut self, name: &str, participants: usize) -> Result<()> {
        self.locks.push(Arc::new(Lock::create(&owned(name))?));
        while self.locks.len() < participants {
            self.locks.push(Arc::new(Lock::attach(&named(name), AttachOptions::default())?));
        }
        Ok(())
    }

    fn start_manager(&mut self) -> Result<Arc<Client>> {
        let temporary = env::temp_dir();
        let client = Client::start(None, key(), temporary.to_str().expect("a path of text"))?;
        self.managers.push(Arc::new(client));
        Ok(Arc::clone(&self.managers[0]))
    }
}

/// Does an operation.
pub fn operate(operation: &str, name: &str, victim: &str, held: &mut Held) -> Result<()> {
    match operation {
        "create" | "create-again" | "create-after-helper-died" => {
            held.segments.push(Segment::create(SIZE, &owned(name))?);
        }
        "create-detached" => {
            let options = CreateOptions { lifetime: Lifetime::Detached, ..owned(name) };
            held.segments.push(Segment::create(SIZE, &options)?);
        }
        "create-or-attach" => {
            held.segments.push(Segment::create_or_attach(&named(name), SIZE, &CreateOptions::default())?);
        }
        "attach" => held.segments.push(Segment::attach(&named(victim), AttachOptions::default())?),
        "attach-read-only" => {
            let options = AttachOptions { access: Access::ReadOnly, ..AttachOptions::default() };
            held.segments.push(Segment::attach(&named(victim), options)?);
        }
        "close" | "close-attached" => held.segments[0].close(),
        "unlink" | "manager-unlink" => held.segments[0].unlink()?,
        "dispose" => held.segments[0].dispose()?,
        "drop" => held.segments.clear(),
        "blocks-create" => {
            let blocks = held.blocks.clone().expect("a manager");
            held.segments.push(Segment::create(SIZE, &kept(name, blocks))?);
        }
        "blocks-end" => held.blocks.as_ref().expect("a manager").end()?,
        _ if operation.starts_with("list-") => use_list(operation, name, held)?,
        _ if operation.starts_with("lock-") => use_lock(operation, name, held)?,
        _ => use_manager(operation, name, held)?,
    }
    Ok(())
}

fn use_list(operation: &str, name: &str, held: &mut Held) -> Result<()> {
    match operation {
        "list-create" => {
            let (segment, list) = List::create(&[Value::Int(1), Value::None][..], &owned(name))?;
            held.segments.push(segment);
            held.lists.push(list);
        }
        "list-attach" | "list-attach-long" => {
            let segment = Segment::attach(&named(name), AttachOptions::default())?;
            held.lists.push(List::attach(&segment)?);
            held.segments.push(segment);
        }
        "list-use" => {
            let list = &held.lists[0];
            list.set(0, Input::Typed(Value::Str("text")))?;
            list.set(0, Input::Typed(Value::Int(41)))?;
            assert_eq!(list.add(0, 1)?, Value::Int(42), "the sum");
            assert_eq!(list.find(Input::Typed(Value::Int(42)), 0)?, Some(0), "the place");
            list.get(1, &mut Vec::new())?;
            list.format()?;
        }
        _ => panic!("{operation} is not an operation"),
    }
    Ok(())
}

fn use_lock(operation: &str, name: &str, held: &mut Held) -> Result<()> {
    match operation {
        "lock-create" => held.locks.push(Arc::new(Lock::create(&owned(name))?)),
        "lock-attach" => held.locks.push(Arc::new(Lock::attach(&named(name), AttachOptions::default())?)),
        "lock-acquire" => drop(held.locks[0].acquire(MAX_WAIT)?.expect("a lock that is free")),
        "lock-acquire-recovered" => {
            let taken = held.locks[0].acquire(MAX_WAIT)?.expect("the lock of the dead");
            assert!(taken.recovered, "the holder has died");
        }
        "lock-acquire-taken" => {
            assert!(held.locks[0].acquire(MOMENT)?.is_none(), "the lock is another's");
        }
        "lock-release" => assert!(held.locks[0].release(), "the lock was held"),
        "lock-close" => held.locks[0].close(),
        "lock-unlink" => held.locks[0].unlink()?,
        "lock-dispose" => held.locks[0].dispose()?,
        "lock-wait" => {
            let (sender, grants) = channel();
            let mut waiter = Waiter::new(move |id| {
                let _ = sender.send(id);
            });
            waiter.want(1, &held.locks[0]).map_err(|e| {
                Error::new(Kind::System, format!("no thread: {e}")).with_os("pthread_create", e.raw_os_error())
            })?;
            assert!(held.locks[1].release(), "the lock was held");
            grants.recv_timeout(MAX_WAIT).expect("the lock is granted");
            waiter.take(&held.locks[0])?.expect("the lock that was granted");
            waiter.unwant(1, &held.locks[0]);
        }
        _ => panic!("{operation} is not an operation"),
    }
    Ok(())
}

fn use_manager(operation: &str, name: &str, held: &mut Held) -> Result<()> {
    match operation {
        "manager-start" => drop(held.start_manager()?),
        "manager-connect" => held.managers.push(Arc::new(Client::connect(held.managers[0].address(), &key())?)),
        "manager-create" => {
            let manager = Arc::clone(&held.managers[0]);
            held.segments.push(Segment::create(SIZE, &kept(name, manager))?);
        }
        "manager-list" => assert_eq!(held.managers[0].list()?, [name], "the block"),
        "manager-end" => held.managers[0].end(),
        _ => panic!("{operation} is not an operation"),
    }
    Ok(())
}

/// Disposes of everything, and checks that segments can still be created and used.
pub fn tidy_up(name: &str, held: Held) -> Result<()> {
    let Held { segments, lists, locks, blocks, managers } = held;
    drop(lists);
    // The owner of the segment comes last.
    for lock in locks.into_iter().rev() {
        lock.give_up();
        lock.dispose()?;
    }
    let is_kept = blocks.is_some() || !managers.is_empty();
    let is_owned = segments.iter().any(Segment::is_owner);
    for segment in segments {
        // Not part of the next round: unlink a segment that was meant to outlive this process.
        let detached = !segment.is_owner() && segment.name().as_str() == name;
        segment.dispose()?;
        if detached && !is_kept && !is_owned {
            segment.unlink()?;
        }
    }
    for manager in managers.into_iter().rev() {
        manager.end();
    }
    if let Some(blocks) = blocks {
        blocks.end()?;
    }
    match Segment::attach(&named(name), AttachOptions::default()) {
        Ok(_) if is_kept => return Err(Error::new(Kind::System, "the manager has left it behind")),
        // Dropped without closing, or created for a reply that never came.
        Ok(segment) => segment.unlink()?,
        Err(e) if e.kind() == Kind::NotFound => {}
        Err(e) => return Err(e),
    }
    let again = Segment::create(SIZE, &owned(&format!("{name}a")))?;
    again.mapping().bytes()?;
    again.dispose()
}
