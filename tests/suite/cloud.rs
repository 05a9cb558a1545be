//! What is asked of Wharf over object stores alone: how many requests it takes, what two servers over one bucket may do,
//! what happens when the store falters, whether others read what is written there.

mod caching;
mod faults;
mod interop;
mod outage;
mod pair;
mod patient;
mod redirects;
mod requests;
mod throughput;
mod wire;

use std::sync::Arc;

use wharf_tests::{Part, Place, Proxy, Room, Server, Settings};

/// Is a bucket that is reached through a proxy of ours.
struct Watched {
    place: Place,
    room: Arc<Room>,
    proxy: Proxy,
}

impl Watched {
    /// Puts a proxy before a part; `None` where that does not run, which is said.
    fn new(part: Part) -> Option<Watched> {
        let place = part.place()?;
        let proxy = Proxy::before(place.address);
        Some(Watched { room: Arc::new(Room::new(&place)), place, proxy })
    }

    /// Gives settings whose server speaks to the store through the proxy.
    fn settings(&self) -> Settings {
        Settings::room(&self.room, &self.place.through(self.proxy.address()))
    }

    /// Gives settings whose server speaks to the store itself.
    fn direct(&self) -> Settings {
        Settings::room(&self.room, &self.place)
    }

    /// Starts a server behind the proxy.
    fn server(&self) -> Server {
        Server::wharf(&self.settings())
    }
}
