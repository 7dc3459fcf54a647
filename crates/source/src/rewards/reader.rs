//! Reads block rewards one after the other from a stream of any length.
//!
//! The stream may be plain or gzip, one object, an array, or objects or arrays one after the other
//! (such as one per line). At most one object is held in memory, with some room to read ahead.

use std::fs::File;
use std::io::{self, BufReader, Chain, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::block::{Scratch, block_reward};
use super::cursor::Cursor;
use super::error::{Fault, Reason, RewardError};
use super::{KeepText, Limits, RewardRecord};

/// Bytes that are shown of a text that is no JSON.
const SHOWN_START: usize = 20;

const FIRST_BUFFER_BYTES: usize = 256 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Yields the block rewards of a stream in order.
///
/// A block that is JSON but no block reward yields an error, and reading goes on with the next one. Where
/// the text itself is broken, the error is the last item.
#[derive(Debug)]
pub struct RewardReader<R> {
    feed: Feed<R>,
    limits: Limits,
    keep: KeepText,
    scratch: Scratch,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    place: Place,
    next_index: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before anything but white space.
    Nowhere,
    /// Between top-level values.
    Outside,
    /// After `[`.
    ArrayStart,
    /// After an element of an array.
    AfterElement,
    Finished,
}

type Prefixed<R> = Chain<io::Cursor<Vec<u8>>, R>;

#[derive(Debug)]
enum Feed<R> {
    Unknown(R),
    Plain(Prefixed<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Prefixed<R>>>>),
    Gone,
}

impl RewardReader<File> {
    /// Opens a file, plain or gzip whatever its name.
    pub fn open_path(path: &Path, limits: Limits) -> io::Result<Self> {
        File::open(path).map(|file| Self::new(file, limits))
    }
}

impl<R: Read> RewardReader<R> {
    /// A reader of the stream; nothing is read yet.
    pub fn new(read: R, limits: Limits) -> Self {
        Self {
            feed: Feed::Unknown(read),
            limits,
            keep: KeepText::No,
            scratch: Scratch::default(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            at_end: false,
            place: Place::Nowhere,
            next_index: 0,
        }
    }

    /// The same reader, told whether records carry their JSON text.
    #[must_use]
    pub fn keep_text(mut self, keep: KeepText) -> Self {
        self.keep = keep;
        self
    }

    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Reads more, making room for it. False at the end of the stream.
    fn fill(&mut self) -> Result<bool, Reason> {
        if self.at_end {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            if self.buffer.len() > self.limits.object_bytes {
                return Err(Reason::TooLarge { limit: self.limits.object_bytes });
            }
            self.buffer.resize((self.buffer.len() * 2).max(FIRST_BUFFER_BYTES), 0);
        }
        let before = self.end;
        while let Some(room) = self.buffer.get_mut(self.end..).filter(|room| !room.is_empty()) {
            match self.feed.read(room) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Reason::CutShort),
                Err(error) => return Err(Reason::Io(error)),
            }
        }
        Ok(self.end > before)
    }

    fn window(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The next byte that is not white space, not taken.
    fn peek(&mut self) -> Result<Option<u8>, Reason> {
        loop {
            if self.place == Place::Nowhere && self.window().starts_with(&BYTE_ORDER_MARK) {
                self.start += BYTE_ORDER_MARK.len();
            }
            let blank = self.window().iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
            self.start += blank.count();
            if let Some(&byte) = self.window().first() {
                return Ok(Some(byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Moves to the start of the next object. False at the end.
    fn seek_object(&mut self) -> Result<bool, Reason> {
        loop {
            let next = self.peek()?;
            let place = match (self.place, next) {
                (Place::Nowhere, None) => return Err(Reason::Empty),
                (Place::Outside, None) => return Ok(false),
                (_, None) => return Err(Reason::CutShort),
                (Place::Nowhere | Place::Outside | Place::ArrayStart, Some(b'{')) => return Ok(true),
                (Place::Nowhere | Place::Outside, Some(b'[')) => Place::ArrayStart,
                (Place::ArrayStart | Place::AfterElement, Some(b']')) => Place::Outside,
                (Place::AfterElement, Some(b',')) => {
                    self.start += 1;
                    return match self.peek()? {
                        Some(b'{') => Ok(true),
                        None => Err(Reason::CutShort),
                        Some(_) => Err(self.unexpected("an object")),
                    };
                }
                (Place::AfterElement, Some(_)) => {
                    let mut cursor = Cursor::new(self.window());
                    return Err(cursor.unexpected("a comma or the end of the array").reason);
                }
                (Place::Nowhere, Some(_)) => return Err(self.no_list()),
                _ => return Err(self.unexpected("an object")),
            };
            self.start += 1;
            self.place = place;
        }
    }

    /// What a text that begins with neither an array nor an object is.
    fn no_list(&self) -> Reason {
        let window = self.window();
        let is_word = ["null", "true", "false"].iter().any(|word| window.starts_with(word.as_bytes()));
        match window.first() {
            Some(b'"' | b'-' | b'0'..=b'9') => self.unexpected("an object"),
            _ if is_word => self.unexpected("an object"),
            _ => {
                let start = window.get(..window.len().min(SHOWN_START)).unwrap_or_default();
                Reason::NotJson { start: format!("{:?}", String::from_utf8_lossy(start)) }
            }
        }
    }

    fn unexpected(&self, expected: &'static str) -> Reason {
        Cursor::new(self.window()).mismatch(expected).reason
    }

    /// Takes the object that starts here.
    fn take_object(&mut self) -> Result<RewardRecord, Box<Fault>> {
        let (observation, length) = loop {
            let window = self.buffer.get(self.start..self.end).unwrap_or_default();
            let mut cursor = Cursor::new(window);
            match block_reward(&mut cursor, &mut self.scratch, &self.limits) {
                Ok(observation) => break (observation, cursor.position()),
                Err(fault) if fault.is_cut_short() => {
                    let more = self.fill();
                    if !matches!(more, Ok(true)) {
                        self.place = Place::Finished;
                        return Err(more.map_or_else(Fault::new, |_| fault));
                    }
                }
                Err(fault) => return Err(self.pass_over(fault)),
            }
        };
        if length > self.limits.object_bytes {
            self.start += length;
            self.after_object();
            return Err(Fault::new(Reason::TooLarge { limit: self.limits.object_bytes }));
        }
        let text = match self.keep {
            KeepText::No => None,
            KeepText::Yes => self.window().get(..length).map(<[u8]>::to_vec),
        };
        self.start += length;
        self.after_object();
        Ok(RewardRecord { observation, parent_root: None, text })
    }

    fn after_object(&mut self) {
        if self.place != Place::ArrayStart && self.place != Place::AfterElement {
            self.place = Place::Outside;
        } else {
            self.place = Place::AfterElement;
        }
    }

    /// Passes over an object that is no block reward, to the next one if it is JSON at all.
    fn pass_over(&mut self, fault: Box<Fault>) -> Box<Fault> {
        loop {
            let mut cursor = Cursor::new(self.window());
            match cursor.skip_value() {
                Ok(()) => {
                    let length = cursor.position();
                    self.start += length;
                    self.after_object();
                    return fault;
                }
                Err(skip) if skip.is_cut_short() && matches!(self.fill(), Ok(true)) => {}
                Err(_) => {
                    self.place = Place::Finished;
                    return fault;
                }
            }
        }
    }
}

impl<R: Read> Iterator for RewardReader<R> {
    type Item = Result<RewardRecord, RewardError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.place == Place::Finished {
            return None;
        }
        match self.seek_object() {
            Ok(true) => {}
            Ok(false) => {
                self.place = Place::Finished;
                return None;
            }
            Err(reason) => {
                let index = match reason {
                    Reason::Expected { .. } | Reason::Syntax { .. } => Some(self.next_index),
                    _ => None,
                };
                self.place = Place::Finished;
                return Some(Err(RewardError { index, field: String::new(), reason }));
            }
        }
        let index = self.next_index;
        self.next_index += 1;
        Some(self.take_object().map_err(|fault| fault.into_error(Some(index))))
    }
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if matches!(self, Self::Unknown(_))
            && let Self::Unknown(mut inner) = std::mem::replace(self, Self::Gone)
        {
            let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
            inner.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic)?;
            let gzip = magic == GZIP_MAGIC;
            let whole = io::Cursor::new(magic).chain(inner);
            *self = if gzip {
                Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, whole))))
            } else {
                Self::Plain(whole)
            };
        }
        match self {
            Self::Plain(plain) => plain.read(room),
            Self::Gzip(gzip) => gzip.read(room),
            Self::Unknown(_) | Self::Gone => Ok(0),
        }
    }
}
