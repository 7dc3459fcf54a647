//! Server-sent events: cuts the text of a stream into events, whatever pieces it comes in.
//!
//! Written here because a node may send a line without end: every event is bounded.
//!
//! Source: the HTML standard, section 9.2.6 "Interpreting an event stream".

/// The longest event, all its lines together. The largest that is asked for has some hundred bytes.
const EVENT_BYTES: usize = 256 << 10;

/// An event as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawEvent {
    /// Its name; `message` where none was sent.
    pub(super) name: String,
    pub(super) data: String,
}

/// An event that is longer than any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// The parser, with what came of the event that is not finished.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    line: Vec<u8>,
    name: String,
    data: String,
    has_data: bool,
    /// Whether the byte before was a carriage return, which may begin an end of line of two bytes.
    after_return: bool,
    /// Whether the first line is behind, which may begin with a byte order mark.
    begun: bool,
}

impl SseParser {
    /// Takes the next piece of the stream and gives the events that it finishes.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<RawEvent>) -> Result<(), TooLong> {
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(out),
                _ if self.line.len() + self.data.len() >= EVENT_BYTES => return Err(TooLong),
                byte => self.line.push(*byte),
            }
        }
        Ok(())
    }

    fn end_line(&mut self, out: &mut Vec<RawEvent>) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            if std::mem::take(&mut self.has_data) {
                out.push(RawEvent { name: if name.is_empty() { "message".to_owned() } else { name }, data });
            }
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"event" => self.name = value.into_owned(),
            b"data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(&value);
            }
            // Comments keep the connection open; ids and pauses are not used by nodes.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = SseParser::default();
        let mut out = Vec::new();
        for piece in pieces {
            parser.push(piece, &mut out).expect("not too long");
        }
        out.into_iter().map(|event| (event.name, event.data)).collect()
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn events_are_cut_by_empty_lines_of_any_kind() {
        let text = b"\xef\xbb\xbfevent: head\ndata: {\"slot\":\"1\"}\n\n:keep open\n\r\nevent:block\r\ndata:x\r\ndata: y\r\n\r\nevent: gone\n\ndata\r\revent: unfinished\ndata: z\n";
        let expected = [event("head", "{\"slot\":\"1\"}"), event("block", "x\ny"), event("message", "")];
        assert_eq!(events(&[text]), expected);
        // Cut anywhere, the same comes out.
        for cut in 0..text.len() {
            assert_eq!(events(&[&text[..cut], &text[cut..]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = SseParser::default();
        let mut out = Vec::new();
        assert_eq!(parser.push(&vec![b'x'; EVENT_BYTES], &mut out), Ok(()));
        assert_eq!(parser.push(b"x", &mut out), Err(TooLong));
        let mut parser = SseParser::default();
        let many = b"data: 0123456789\n".repeat(EVENT_BYTES / 10);
        assert_eq!(parser.push(&many, &mut out), Err(TooLong));
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..300_usize) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(events(&[&bytes]), events(&[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
