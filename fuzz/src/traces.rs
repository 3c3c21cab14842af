//! A trace file: what is read, written again and read again is the same, and an error names a line of the file.

use duet_sim::trace;

/// Reads a trace.
pub fn run(input: &[u8]) {
    match trace::read(input) {
        Ok(records) => {
            let mut again = Vec::new();
            for record in &records {
                again.push(0x1e);
                again.extend_from_slice(record.to_string().as_bytes());
                again.push(b'\n');
            }
            assert_eq!(trace::read(&again).as_ref(), Ok(&records));
        }
        Err(error) => {
            let lines = input.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&error.line), "{error} of {lines}");
            assert!(!error.message.is_empty());
        }
    }
}
