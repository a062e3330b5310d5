//! The browser's page: the messages as it reads them, and its files, packed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorSet};
use sha2::{Digest, Sha256};

pub(super) const PAGE: &str = "src/http/page";

/// What stands in the page for the directory that its files are in, which is named by what they hold.
const DIRECTORY: &str = "{{directory}}";

/// The messages as the page reads them: by message, each field's number, name, type, and whether it repeats or may be
/// absent.
pub(super) fn schema(files: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let messages = files.file.iter().flat_map(|file| &file.message_type);
    let all: serde_json::Map<_, _> =
        messages.map(|message| (message.name().to_owned(), fields(message))).collect();
    Ok(format!(
        "// Generated from protocol.proto: for each message, [number, name, type, \"many\", \"maybe\" or \"one\"].\n\
         export const schema = {};\n",
        serde_json::to_string_pretty(&all)?
    ))
}

fn fields(message: &DescriptorProto) -> serde_json::Value {
    let field = |field: &prost_types::FieldDescriptorProto| {
        let kind = match field.r#type() {
            Type::Message => field.type_name().rsplit('.').next().unwrap_or_default().to_owned(),
            Type::Enum => "uint32".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        let times = match field.label() {
            Label::Repeated => "many",
            _ if field.oneof_index.is_some() => "maybe",
            _ => "one",
        };
        serde_json::json!([field.number(), field.json_name(), kind, times])
    };
    message.field.iter().map(field).collect()
}

/// Compresses each file of the page, and names their directory by what is in all of them.
pub(super) fn pack(schema: String) -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut files = BTreeMap::from([("schema.js".to_owned(), schema.into_bytes())]);
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
