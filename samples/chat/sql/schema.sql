-- The database of Northfold's chat, as the administrator set it up.
-- Run by root; views and routines belong to the application's own user.

CREATE DATABASE chat CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE chat;

CREATE TABLE users (
  id            INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name          VARCHAR(32)  NOT NULL UNIQUE,
  display_name  VARCHAR(64)  NOT NULL,
  password_hash VARCHAR(200) NOT NULL,
  role          ENUM('member', 'admin') NOT NULL DEFAULT 'member',
  created_at    DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  last_seen_at  DATETIME NULL
) ENGINE=InnoDB;

CREATE TABLE rooms (
  id              INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  slug            VARCHAR(40)  NOT NULL UNIQUE,
  title           VARCHAR(80)  NOT NULL,
  topic           VARCHAR(200) NOT NULL DEFAULT '',
  created_by      INT UNSIGNED NOT NULL,
  created_at      DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  -- Both are kept by the triggers on messages.
  message_count   INT UNSIGNED NOT NULL DEFAULT 0,
  last_message_at DATETIME(3) NULL,
  CONSTRAINT rooms_creator FOREIGN KEY (created_by) REFERENCES users (id)
) ENGINE=InnoDB;

CREATE TABLE uploads (
  id            INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id       INT UNSIGNED NOT NULL,
  stored_name   VARCHAR(64)  NOT NULL UNIQUE,
  original_name VARCHAR(200) NOT NULL,
  mime          VARCHAR(100) NOT NULL,
  bytes         INT UNSIGNED NOT NULL,
  sha256        CHAR(64) CHARACTER SET ascii NOT NULL,
  created_at    DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  KEY uploads_age (created_at),
  CONSTRAINT uploads_owner FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB;

CREATE TABLE messages (
  id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  room_id    INT UNSIGNED NOT NULL,
  user_id    INT UNSIGNED NOT NULL,
  upload_id  INT UNSIGNED NULL,
  body       TEXT NOT NULL,
  created_at DATETIME(3) NOT NULL DEFAULT UTC_TIMESTAMP(3),
  KEY messages_history (room_id, id),
  KEY messages_age (created_at),
  CONSTRAINT messages_room   FOREIGN KEY (room_id)   REFERENCES rooms (id) ON DELETE CASCADE,
  CONSTRAINT messages_author FOREIGN KEY (user_id)   REFERENCES users (id),
  CONSTRAINT messages_upload FOREIGN KEY (upload_id) REFERENCES uploads (id) ON DELETE SET NULL
) ENGINE=InnoDB;

CREATE TABLE notices (
  id         INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  kind       VARCHAR(20)  NOT NULL,
  body       VARCHAR(400) NOT NULL,
  created_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  expires_at DATETIME NOT NULL,
  KEY notices_expiry (expires_at)
) ENGINE=InnoDB;

CREATE TABLE digests (
  day             DATE NOT NULL PRIMARY KEY,
  messages        INT UNSIGNED NOT NULL,
  active_users    INT UNSIGNED NOT NULL,
  uploads         INT UNSIGNED NOT NULL,
  busiest_room_id INT UNSIGNED NULL,
  written_at      TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  CONSTRAINT digests_room FOREIGN KEY (busiest_room_id) REFERENCES rooms (id) ON DELETE SET NULL
) ENGINE=InnoDB;

CREATE TABLE sessions (
  session_id VARCHAR(128) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  expires    INT UNSIGNED NOT NULL,
  data       MEDIUMTEXT COLLATE utf8mb4_bin,
  KEY sessions_expiry (expires)
) ENGINE=InnoDB;

DELIMITER //

CREATE DEFINER = 'root'@'localhost' TRIGGER messages_counted AFTER INSERT ON messages FOR EACH ROW
BEGIN
  UPDATE rooms SET message_count = message_count + 1, last_message_at = NEW.created_at WHERE id = NEW.room_id;
END//

CREATE DEFINER = 'root'@'localhost' TRIGGER messages_discounted AFTER DELETE ON messages FOR EACH ROW
BEGIN
  UPDATE rooms SET message_count = message_count - 1 WHERE id = OLD.room_id;
END//

CREATE DEFINER = 'chat'@'localhost' PROCEDURE post_message(
  IN p_room INT UNSIGNED, IN p_user INT UNSIGNED, IN p_body TEXT, IN p_upload INT UNSIGNED,
  OUT p_message BIGINT UNSIGNED)
  MODIFIES SQL DATA
BEGIN
  INSERT INTO messages (room_id, user_id, upload_id, body) VALUES (p_room, p_user, p_upload, p_body);
  SET p_message = LAST_INSERT_ID();
  UPDATE users SET last_seen_at = UTC_TIMESTAMP() WHERE id = p_user;
END//

CREATE DEFINER = 'chat'@'localhost' FUNCTION room_activity(p_room INT UNSIGNED, p_hours INT)
  RETURNS INT UNSIGNED READS SQL DATA
BEGIN
  RETURN (SELECT COUNT(*) FROM messages
           WHERE room_id = p_room AND created_at > UTC_TIMESTAMP() - INTERVAL p_hours HOUR);
END//

CREATE DEFINER = 'root'@'localhost' EVENT notices_expire
  ON SCHEDULE EVERY 1 HOUR
  COMMENT 'Removes notices that are past their time'
  DO DELETE FROM chat.notices WHERE expires_at < UTC_TIMESTAMP()//

DELIMITER ;

CREATE DEFINER = 'chat'@'localhost' VIEW room_overview AS
  SELECT r.id, r.slug, r.title, r.topic, r.message_count, r.last_message_at, u.name AS created_by
    FROM rooms r JOIN users u ON u.id = r.created_by;
