//! The browser's page: what it gets from the protocol, and its files, packed.

mod bounds;
mod codes;
mod messages;
mod operations;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use protox::prost_reflect::DescriptorPool;
use sha2::{Digest, Sha256};

use crate::operations::Operation;

/// The file of the messages.
pub(super) const PROTOCOL: &str = "protocol.proto";

pub(super) const PAGE: &str = "src/http/page";

/// What stands in the page for the directory that its files are in, which is named by what they hold.
const DIRECTORY: &str = "{{directory}}";

/// Writes what the page gets from the build, and packs it with the page's own files.
///
/// All of it is also in `page` of the build's directory, with the types of the messages, where a compiler of types finds it.
pub(super) fn write(
    pool: &DescriptorPool,
    operations: &[Operation],
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let protocol = pool.get_file_by_name(PROTOCOL).ok_or_else(|| format!("{PROTOCOL} wasn't compiled"))?;
    let generated = BTreeMap::from([
        ("schema.js".to_owned(), messages::schema(pool, &protocol)?),
        ("bounds.js".to_owned(), bounds::module()),
        ("codes.js".to_owned(), codes::module(&protocol)),
        ("operations.js".to_owned(), operations::module(operations)),
    ]);
    let beside = out.join("page");
    fs::create_dir_all(&beside)?;
    for (name, text) in &generated {
        fs::write(beside.join(name), text)?;
    }
    let types = messages::types(pool, &protocol)? + &operations::answers(operations);
    fs::write(beside.join("messages.d.ts"), types)?;
    pack(out, generated.into_iter().map(|(name, text)| (name, text.into_bytes())).collect())
}

/// Compresses each file of the page, and names their directory by what is in all of them.
fn pack(out: &Path, mut files: BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    collect(Path::new(PAGE), Path::new(PAGE), &mut files)?;
    let mut hash = Sha256::new();
    for (path, bytes) in &files {
        hash.update(path);
        hash.update(bytes);
    }
    let version = hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let directory = format!("/page-{version}");
    let mut table = format!(
        "/// Where the page's files are; another name when one of them changes.\npub(super) const DIRECTORY: &str = {directory:?};\n\
         pub(super) static FILES: &[File] = &[\n"
    );
    for (number, (path, bytes)) in files.into_iter().enumerate() {
        let bytes = match path.rsplit_once('.') {
            Some((_, "html" | "webmanifest")) => {
                String::from_utf8(bytes)?.replace(DIRECTORY, &directory).into_bytes()
            }
            _ => bytes,
        };
        let (plain, small) = (format!("page-{number}"), format!("page-{number}.br"));
        fs::write(out.join(&plain), &bytes)?;
        let mut packed = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, 11, 22);
        packed.write_all(&bytes)?;
        fs::write(out.join(&small), packed.into_inner())?;
        writeln!(
            table,
            "    File {{ path: {path:?}, plain: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{plain}\")), \
             packed: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{small}\")) }},"
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("page.rs"), table)?;
    Ok(())
}

fn collect(
    root: &Path,
    directory: &Path,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root)?.to_str().ok_or("a name in the page isn't UTF-8")?;
            files.insert(name.to_owned(), fs::read(&path)?);
        }
    }
    Ok(())
}
