//! The texts a configuration was read from, so that diagnostics can show the line they are about.
//!
//! A [`Mark`] is a position in one of them: four bytes a number, because every node of a tree carries one.

use super::diagnostic::Place;

/// A position in one of the [`Sources`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Which source.
    pub file: FileId,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One of the [`Sources`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(u16);

/// The texts, in the order in which they were read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
    /// Where each line begins, in bytes.
    lines: Vec<u32>,
}

impl Sources {
    /// Adds a text; the caller has seen to its size. None if there are more than [`FILES_MAX`].
    pub fn add(&mut self, name: impl Into<String>, text: String) -> Option<FileId> {
        if self.files.len() >= FILES_MAX {
            return None;
        }
        let id = FileId(u16::try_from(self.files.len()).ok()?);
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).filter_map(|end| u32::try_from(end + 1).ok());
        let lines = std::iter::once(0).chain(ends).collect();
        self.files.push(Source { name: name.into(), text, lines });
        Some(id)
    }

    /// The name a text was added under.
    pub fn name(&self, file: FileId) -> &str {
        self.files.get(usize::from(file.0)).map_or("", |source| &source.name)
    }

    /// The whole text.
    pub fn text(&self, file: FileId) -> &str {
        self.files.get(usize::from(file.0)).map_or("", |source| &source.text)
    }

    /// One line, without its end.
    pub fn line(&self, mark: Mark) -> Option<&str> {
        let source = self.files.get(usize::from(mark.file.0))?;
        let index = usize::try_from(mark.line).ok()?.checked_sub(1)?;
        let start = usize::try_from(*source.lines.get(index)?).ok()?;
        source.text.get(start..)?.lines().next()
    }

    /// The position with the name of its text.
    pub fn place(&self, mark: Mark) -> Place {
        Place { file: self.name(mark.file).to_owned(), line: mark.line, column: mark.column }
    }

    /// Every text with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|source| (source.name.as_str(), source.text.as_str()))
    }
}

/// Most files of one configuration. A thousand routes in a file each is a mistake of a generator.
pub const FILES_MAX: usize = 1000;
