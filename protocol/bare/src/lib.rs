//! The whole core on `core` and `alloc`: a client and a server are made, fed and asked, without `std`.
#![no_std]

extern crate alloc;

use alloc::sync::Arc;
use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use duet_protocol::client::{self, Client, Credentials};
use duet_protocol::io::{Core, Input};
use duet_protocol::seed::Seed;
use duet_protocol::server::{self, Server};
use duet_protocol::time::Instant;

/// Never linked into a program: that it compiles is the point.
struct Nothing;

// SAFETY: it gives out no memory.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Makes both cores and lets them work.
#[unsafe(no_mangle)]
pub extern "C" fn duet_bare() -> usize {
    let now = Instant::EPOCH;
    let mut client = Client::new(Arc::new(client::Config::default()), Seed([1; 32]), now);
    let mut server = Server::new(Arc::new(server::Config::default()), Seed([2; 32]), now);
    let _ = client.login(now, Credentials::Guest("bare".into()));
    server.handle(now, Input::Wake);
    core::iter::from_fn(|| client.poll_output()).count()
}
