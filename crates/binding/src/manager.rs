//! Managers, for `shared-memory-manager.ts`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use napi::bindgen_prelude::{External, Object, Uint8ArraySlice};
use napi::{Env, Result};
use napi_derive::napi;
use shareable_core::manager::{Blocks, Client, Keeper, Key};
use shareable_core::{Error, Kind};

use crate::error::{NativeError, OrThrow, throw};

/// A manager, as seen by this process.
pub struct Manager {
    id: u32,
    role: Role,
}

/// In this process alone, or in a server.
#[derive(Clone)]
enum Role {
    Alone(Arc<Blocks>),
    Connected(Arc<Client>),
}

/// The managers of this process, by the numbers that options use.
static KEEPERS: Mutex<BTreeMap<u32, Weak<dyn Keeper>>> = Mutex::new(BTreeMap::new());

fn keepers() -> MutexGuard<'static, BTreeMap<u32, Weak<dyn Keeper>>> {
    // A panic elsewhere leaves the table intact: each change to it is one call.
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the manager that an option refers to.
pub(crate) fn keeper(id: u32) -> shareable_core::Result<Arc<dyn Keeper>> {
    let keeper = keepers().get(&id).and_then(Weak::upgrade);
    keeper.ok_or_else(|| Error::new(Kind::ManagerClosed, "the manager has ended"))
}

impl Manager {
    fn new(role: Role) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let keeper: Arc<dyn Keeper> = match role.clone() {
            Role::Alone(blocks) => blocks,
            Role::Connected(client) => client,
        };
        keepers().insert(id, Arc::downgrade(&keeper));
        Self { id, role }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        keepers().remove(&self.id);
    }
}

/// A manager, and its properties that never change.
#[napi(object, object_from_js = false)]
pub struct NativeManager {
    /// The handle for the other functions.
    pub handle: External<Manager>,
    /// The number by which the options of segments and lists refer to it.
    pub id: u32,
    /// The address of its server.
    pub address: Option<String>,
}

impl From<Manager> for NativeManager {
    fn from(manager: Manager) -> Self {
        let address = match &manager.role {
            Role::Alone(_) => None,
            Role::Connected(client) => Some(client.address().to_owned()),
        };
        Self { id: manager.id, address, handle: External::new(manager) }
    }
}

/// The result of an operation on another thread: one of the two.
#[napi(object, object_from_js = false)]
pub struct NativeOutcome {
    /// The manager.
    pub manager: Option<NativeManager>,
    /// The facts of an error, as other functions throw them.
    pub error: Option<NativeError>,
}

/// Creates a manager for this process alone.
#[napi(catch_unwind)]
#[must_use]
pub fn create_manager() -> NativeManager {
    Manager::new(Role::Alone(Arc::default())).into()
}

/// Starts a server, as its starter.
#[napi(catch_unwind, ts_return_type = "Promise<NativeOutcome>")]
pub fn start_manager<'env>(
    env: &'env Env,
    address: Option<String>,
    key: Uint8ArraySlice<'_>,
    temporary: String,
) -> Result<Object<'env>> {
    let key = check_key(&key).or_throw(env)?;
    later(env, move || {
        let client = Client::start(address.as_deref(), key, &temporary)?;
        Ok(Some(Manager::new(Role::Connected(Arc::new(client)))))
    })
}

/// Connects to the server at an address.
#[napi(catch_unwind, ts_return_type = "Promise<NativeOutcome>")]
pub fn connect_manager<'env>(env: &'env Env, address: String, key: Uint8ArraySlice<'_>) -> Result<Object<'env>> {
    let key = check_key(&key).or_throw(env)?;
    later(env, move || {
        let client = Client::connect(&address, &key)?;
        Ok(Some(Manager::new(Role::Connected(Arc::new(client)))))
    })
}

/// Returns the names of the segments that a manager keeps.
#[napi(catch_unwind)]
pub fn manager_list(env: &Env, manager: &External<Manager>) -> Result<Vec<String>> {
    let list = match &manager.role {
        Role::Alone(blocks) => blocks.check().map(|()| blocks.list()),
        Role::Connected(client) => client.list(),
    };
    list.or_throw(env)
}

/// Ends a manager, or only this process's connection to it. Idempotent.
#[napi(catch_unwind)]
pub fn end_manager(env: &Env, manager: &External<Manager>) -> Result<()> {
    end(&manager.role).or_throw(env)
}

/// Does the same without blocking this thread.
#[napi(catch_unwind, ts_return_type = "Promise<NativeOutcome>")]
pub fn end_manager_later<'env>(env: &'env Env, manager: &External<Manager>) -> Result<Object<'env>> {
    let role = manager.role.clone();
    later(env, move || end(&role).map(|()| None))
}

fn end(role: &Role) -> shareable_core::Result<()> {
    match role {
        Role::Alone(blocks) => blocks.end(),
        Role::Connected(client) => {
            client.end();
            Ok(())
        }
    }
}

fn check_key(key: &[u8]) -> shareable_core::Result<Key> {
    let refused = || Error::new(Kind::OutOfRange, format!("a manager's key has 1 to {} bytes", Key::MAX));
    Key::new(key.to_vec()).ok_or_else(refused)
}

/// Runs `work` on its own thread, because its waits are too long for this one, and may be too long for the few threads
/// of libuv. Errors are returned as data.
fn later(
    env: &Env,
    work: impl FnOnce() -> shareable_core::Result<Option<Manager>> + Send + 'static,
) -> Result<Object<'_>> {
    type Resolver = Box<dyn FnOnce(Env) -> Result<NativeOutcome> + Send>;
    let (deferred, promise) = env.create_deferred::<NativeOutcome, Resolver>()?;
    let spawned = thread::Builder::new().name("shareable-manager".to_owned()).spawn(move || {
        let result = work();
        deferred.resolve(Box::new(move |_| match result {
            Ok(manager) => Ok(NativeOutcome { manager: manager.map(Into::into), error: None }),
            Err(e) => Ok(NativeOutcome { manager: None, error: Some((&e).into()) }),
        }));
    });
    spawned.map_err(|e| {
        let error = Error::new(Kind::System, format!("cannot start a thread to talk to the manager: {e}"));
        throw(env, &error.with_os("pthread_create", e.raw_os_error()))
    })?;
    Ok(promise)
}
