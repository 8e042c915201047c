//! The direct protocol `/waterfall/call/1`: one question, one answer, on a stream of its own.
//!
//! Each is two bytes of length, big-endian, and so many bytes, at most [`Routed::MAX_LEN`]. What
//! they mean is sealed and none of this crate's business.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use waterfall_wire::{Routed, Wire};

/// The protocol's name on the wire.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/waterfall/call/1");
/// Most bytes of a question or an answer.
pub(crate) const MAX_LEN: usize = <Routed as Wire>::MAX_LEN;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Codec;

async fn read_frame<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut len = [0; 2];
    io.read_exact(&mut len).await?;
    let len = usize::from(u16::from_be_bytes(len));
    if len > MAX_LEN {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let mut frame = vec![0; len];
    io.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn write_frame<T: AsyncWrite + Unpin + Send>(io: &mut T, frame: &[u8]) -> io::Result<()> {
    let len = u16::try_from(frame.len()).ok().filter(|len| usize::from(*len) <= MAX_LEN);
    let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"))?;
    // One write, so that a small message is one packet.
    let bytes = [&len.to_be_bytes()[..], frame].concat();
    io.write_all(&bytes).await?;
    io.flush().await
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &request).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &response).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use futures::io::Cursor;

    use super::*;

    #[test]
    fn frames_come_back() {
        for len in [0, 1, 300, MAX_LEN] {
            let mut wire = Cursor::new(Vec::new());
            block_on(write_frame(&mut wire, &vec![9; len])).unwrap();
            wire.set_position(0);
            assert_eq!(block_on(read_frame(&mut wire)).unwrap(), vec![9; len]);
        }
    }

    #[test]
    fn hostile_frames_are_errors() {
        let too_long = u16::try_from(MAX_LEN + 1).unwrap().to_be_bytes().to_vec();
        for bytes in [vec![], vec![1], vec![0, 5, 1, 2], too_long] {
            assert!(block_on(read_frame(&mut Cursor::new(bytes))).is_err());
        }
        assert!(block_on(write_frame(&mut Cursor::new(Vec::new()), &vec![0; MAX_LEN + 1])).is_err());
    }
}
