//! The bucket, as everything in this crate sees it: requests that already say what every request must.
//!
//! What is stored needs the same few headers whether it is written whole, in parts or by a copy: its type, who may read
//! it, how it is encrypted and where it is kept. They are said here and nowhere else. So is how long a request may take,
//! which depends on what it carries, and that bodies go unsigned: TLS keeps them whole, whoever reads a blob checks its
//! digest, and to hash every byte a second time costs as much as hashing it once.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::client::customize::CustomizableOperation;
use aws_sdk_s3::config;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::operation::abort_multipart_upload::builders::AbortMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::copy_object::builders::CopyObjectFluentBuilder;
use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::delete_object::builders::DeleteObjectFluentBuilder;
use aws_sdk_s3::operation::delete_objects::builders::DeleteObjectsFluentBuilder;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::head_object::builders::HeadObjectFluentBuilder;
use aws_sdk_s3::operation::list_multipart_uploads::builders::ListMultipartUploadsFluentBuilder;
use aws_sdk_s3::operation::list_objects_v2::builders::ListObjectsV2FluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder;
use aws_sdk_s3::operation::upload_part::{UploadPartError, UploadPartOutput};
use aws_sdk_s3::operation::upload_part_copy::builders::UploadPartCopyFluentBuilder;
use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption, StorageClass};

use crate::Config;
use crate::conditions::Conditions;
use crate::config::Encryption;
use crate::keys::Keys;
use crate::memory::Memory;
use crate::writer::Holds;

/// The type of every object, as in Distribution.
const CONTENT_TYPE: &str = "application/octet-stream";

/// What the driver and its writers share.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    pub(crate) conditions: Conditions,
    pub(crate) memory: Memory,
    pub(crate) holds: Holds,
}

impl Bucket {
    pub(crate) fn new(client: Client, config: Config) -> Self {
        Self {
            client,
            keys: Keys::below(&config.root_directory),
            conditions: Conditions::default(),
            memory: Memory::new(&config),
            holds: Holds::default(),
            config,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.bucket
    }

    /// Writes an object; to be sent by [`sending_object`](Self::sending_object).
    pub(crate) fn put_object(&self, key: &str) -> PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(self.name())
            .key(key)
            .content_type(CONTENT_TYPE)
            .set_acl(self.acl())
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key())
            .set_storage_class(self.storage_class())
    }

    /// Begins an object that comes in parts.
    pub(crate) fn begin_multipart(&self, key: &str) -> CreateMultipartUploadFluentBuilder {
        self.client
            .create_multipart_upload()
            .bucket(self.name())
            .key(key)
            .content_type(CONTENT_TYPE)
            .set_acl(self.acl())
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key())
            .set_storage_class(self.storage_class())
    }

    /// Writes a part; to be sent by [`sending_part`](Self::sending_part).
    pub(crate) fn upload_part(&self, key: &str, upload: &str, number: i32) -> UploadPartFluentBuilder {
        self.client.upload_part().bucket(self.name()).key(key).upload_id(upload).part_number(number)
    }

    /// Makes a part of what is stored already; the source and its range are still to be named. Send it with
    /// [`for_copy`](Self::for_copy).
    pub(crate) fn upload_part_copy(
        &self,
        key: &str,
        upload: &str,
        number: i32,
    ) -> UploadPartCopyFluentBuilder {
        self.client.upload_part_copy().bucket(self.name()).key(key).upload_id(upload).part_number(number)
    }

    /// Makes an object of its parts. Send it with [`for_copy`](Self::for_copy): some stores put the bytes together now.
    pub(crate) fn complete_multipart(&self, key: &str, upload: &str) -> CompleteMultipartUploadFluentBuilder {
        self.client.complete_multipart_upload().bucket(self.name()).key(key).upload_id(upload)
    }

    /// Throws away what was sent of an object that comes in parts.
    pub(crate) fn abort_multipart(&self, key: &str, upload: &str) -> AbortMultipartUploadFluentBuilder {
        self.client.abort_multipart_upload().bucket(self.name()).key(key).upload_id(upload)
    }

    /// Lists what was begun in parts and not finished.
    pub(crate) fn list_multipart(&self, prefix: &str) -> ListMultipartUploadsFluentBuilder {
        self.client.list_multipart_uploads().bucket(self.name()).prefix(prefix)
    }

    /// Makes an object of another one, whose type it keeps; the source is still to be named. Send it with
    /// [`for_copy`](Self::for_copy).
    pub(crate) fn copy_object(&self, to: &str) -> CopyObjectFluentBuilder {
        self.client
            .copy_object()
            .bucket(self.name())
            .key(to)
            .set_acl(self.acl())
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key())
            .set_storage_class(self.storage_class())
    }

    pub(crate) fn get_object(&self, key: &str) -> GetObjectFluentBuilder {
        self.client.get_object().bucket(self.name()).key(key)
    }

    pub(crate) fn head_object(&self, key: &str) -> HeadObjectFluentBuilder {
        self.client.head_object().bucket(self.name()).key(key)
    }

    pub(crate) fn delete_object(&self, key: &str) -> DeleteObjectFluentBuilder {
        self.client.delete_object().bucket(self.name()).key(key)
    }

    /// Deletes several objects. Send it with [`for_copy`](Self::for_copy): a thousand take their time.
    pub(crate) fn delete_objects(&self) -> DeleteObjectsFluentBuilder {
        self.client.delete_objects().bucket(self.name())
    }

    /// Lists keys, at most as many as a page of the configuration holds.
    pub(crate) fn list_objects(&self, prefix: &str) -> ListObjectsV2FluentBuilder {
        self.client.list_objects_v2().bucket(self.name()).prefix(prefix)
    }

    /// How to name an object as the source of a copy.
    pub(crate) fn copy_source(&self, key: &str) -> String {
        let mut source = format!("{}/", self.name());
        for byte in key.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    source.push(byte.into())
                }
                other => source.push_str(&format!("%{other:02X}")),
            }
        }
        source
    }

    /// How to send an object of so many bytes: each attempt has the time that a slow network needs for them.
    ///
    /// It is signed together with its hash, unlike a part, whose entity tag is told when the parts are put together: some
    /// store (VersityGW) keeps what it has when a connection breaks in the middle, in place of what was there.
    pub(crate) fn sending_object(
        &self,
        request: PutObjectFluentBuilder,
        bytes: u64,
    ) -> CustomizableOperation<PutObjectOutput, PutObjectError, PutObjectFluentBuilder> {
        request.customize().config_override(within(self.config.timeouts.part(bytes)))
    }

    /// How to send a part of so many bytes.
    pub(crate) fn sending_part(
        &self,
        request: UploadPartFluentBuilder,
        bytes: u64,
    ) -> CustomizableOperation<UploadPartOutput, UploadPartError, UploadPartFluentBuilder> {
        request
            .customize()
            .config_override(within(self.config.timeouts.part(bytes)))
            .disable_payload_signing()
    }

    /// How to send a request that makes the store work by itself.
    pub(crate) fn for_copy(&self) -> config::Builder {
        within(self.config.timeouts.copy)
    }

    fn acl(&self) -> Option<ObjectCannedAcl> {
        self.config.acl.as_ref().map(|acl| ObjectCannedAcl::from(acl.as_str()))
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        match self.config.encryption {
            Encryption::None => None,
            Encryption::S3 => Some(ServerSideEncryption::Aes256),
            Encryption::Kms { .. } => Some(ServerSideEncryption::AwsKms),
        }
    }

    fn kms_key(&self) -> Option<String> {
        match &self.config.encryption {
            Encryption::Kms { key } => key.clone(),
            _ => None,
        }
    }

    fn storage_class(&self) -> Option<StorageClass> {
        self.config.storage_class.as_ref().map(|class| StorageClass::from(class.as_str()))
    }
}

/// A request each attempt of which may take so long.
fn within(attempt: Duration) -> config::Builder {
    config::Config::builder()
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(attempt).build())
}
