//! Directory: names are looked up at the edge, everything else goes by id.

use crate::id::{RequestId, UserId};
use crate::wire::Text;

messages! {
    /// Asks for the user with a name
    0x0201 LOOKUP Lookup ["DIR-001"] Client (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The name
        name: Text<'a, 64>,
    }
    /// Answers LOOKUP
    0x0202 FOUND Found ["DIR-002"] Server (SEQUENCED) {
        /// The request
        request: RequestId,
        /// The user of that name
        user: UserId,
        /// The name others see
        name: Text<'a, 64>,
    }
}
